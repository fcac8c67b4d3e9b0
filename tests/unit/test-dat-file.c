/*
 * DatFile: both versions, every compression, and damage anywhere.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "dat-builder.h"
#include "trace-data/cpu-cursor.h"
#include "trace-data/dat-open.h"
#include "trace-data/page-source.h"
#include "trace-image.h"

/* One way to store a trace. */
typedef struct Form {
    unsigned version;
    const char *compression;
} Form;

static const Form forms[] = {
    {6, NULL},
    {7, NULL},
    {7, "zlib"},
    {7, "zstd"},
};

/* A small trace: two CPUs, one of which has several pages and a loss. */
static char *build(void)
{
    g_autoptr(DatBuilder) builder = dat_builder_new(3);
    DatOptions options = {.trace_id = 5, .tsc_mult = 1, .tsc_shift = 1};

    for (guint i = 0; i < 40; i++) {
        dat_builder_add(builder, 2, 1000 + 3 * i, BUILT_NUMBER, 7, i);
        if (i % 12 == 11) {
            dat_builder_end_page(builder, 2, i == 23 ? 9 : 0);
        }
    }
    dat_builder_add(builder, 0, 1001, BUILT_NUMBER, 7, 40);
    return dat_builder_write(builder, "small.dat", &options);
}

typedef struct Copy {
    DatFile *dat;
    uint32_t cpu;
    uint64_t number;
} Copy;

static bool copy_page(gpointer data, uint32_t cpu, uint8_t *page)
{
    Copy *copy = data;
    g_autoptr(PageSource) source = page_source_new(copy->dat, cpu);

    copy->number = cpu == copy->cpu ? copy->number : 0;
    copy->cpu = cpu;
    return page_source_copy(source, copy->number++, page);
}

/* The same trace in another form, in the same directory. */
static char *convert_to(const char *path, const Form *form, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DatFile) dat = dat_file_open(path, &error);
    g_autofree char *dir = g_path_get_dirname(path);
    char *to = g_strdup_printf("%s/%u-%s.dat", dir, form->version,
                               form->compression ? form->compression : "none");
    Copy copy = {.dat = dat};
    TraceImage image = {
        .dat = dat,
        .version = form->version,
        .compression = form->compression,
        .next_page = copy_page,
        .data = &copy,
        .text = text,
    };

    g_assert_no_error(error);
    image.n_cpus = dat->cpus->len;
    trace_image_write(&image, to, &error);
    g_assert_no_error(error);
    return to;
}

static char *convert(const char *path, const Form *form)
{
    return convert_to(path, form, NULL);
}

static void forget(char *path, char *converted)
{
    g_unlink(converted);
    dat_builder_forget(path);
    g_free(converted);
    g_free(path);
}

/* All events as text, with what the cursor says of each. */
static GString *list(DatFile *dat)
{
    GString *text = g_string_new(NULL);

    for (guint cpu = 0; cpu < dat->cpus->len; cpu++) {
        g_autoptr(CpuCursor) cursor = cpu_cursor_new(dat, cpu, NULL, 0);
        CpuEvent event;

        for (guint n = 0; cpu_cursor_next(cursor, &event); n++) {
            guint8 sum = 0;

            g_assert_cmpuint(n, <, 100000);
            for (uint32_t i = 0; i < event.size_bytes; i++) {
                sum = (guint8)(sum * 7 + event.data[i]);
            }
            g_string_append_printf(text,
                                   "%u %" G_GUINT64_FORMAT
                                   " %u %u %" G_GINT64_FORMAT " %d\n",
                                   cpu, event.ticks, event.size_bytes, sum,
                                   event.missed_events, event.loss_follows);
        }
    }
    return text;
}

static void test_forms(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        char *path = build();
        char *other = convert(path, &forms[i]);
        g_autoptr(DatFile) a = dat_file_open(path, NULL);
        g_autoptr(DatFile) b = dat_file_open(other, NULL);
        g_autoptr(GString) in_a = list(a);
        g_autoptr(GString) in_b = list(b);

        g_assert_cmpuint(b->version, ==, forms[i].version);
        g_assert_cmpstr(in_a->str, ==, in_b->str);
        g_assert_nonnull(strstr(in_b->str, "\n2 1072 16 "));
        g_assert_cmpuint(b->problems->len, ==, 0);
        g_assert_cmpstr(b->clock, ==, "x86-tsc");
        g_assert_cmpuint(b->options.trace_id, ==, 5);
        g_assert_cmpuint(b->options.tsc_shift, ==, 1);
        g_assert_cmpuint(b->metadata.formats->len, ==,
                         a->metadata.formats->len);
        g_assert_true(
            g_bytes_equal(b->metadata.cmdlines, a->metadata.cmdlines));
        forget(path, other);
    }
}

/* Reads what can be read of it; must neither crash, hang nor go astray. */
static guint read_damaged(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DatFile) dat = dat_file_open(path, &error);
    guint n_lines = 0;

    if (!dat) {
        g_assert_nonnull(strstr(error->message, path));
        return 0;
    }
    for (guint i = 0; i <= dat->instances->len; i++) {
        DatFile *buffer = i ? dat->instances->pdata[i - 1] : dat;
        g_autoptr(GString) text = list(buffer);

        for (const char *c = text->str; *c; c++) {
            n_lines += *c == '\n';
        }
        for (guint n = 0; n < buffer->problems->len; n++) {
            const char *problem = buffer->problems->pdata[n];

            g_assert_true(g_str_has_prefix(problem, path));
        }
    }
    return n_lines;
}

/* A trace in one form, to be damaged in place. */
typedef struct Victim {
    char *path;
    char *converted;
    int fd;
    gsize size;
} Victim;

static void victim_make(Victim *victim, const Form *form)
{
    victim->path = build();
    victim->converted = convert(victim->path, form);
    victim->fd = open(victim->converted, O_RDWR | O_CLOEXEC);
    victim->size = (gsize)lseek(victim->fd, 0, SEEK_END);
    g_assert_cmpuint(read_damaged(victim->converted), ==, 41);
}

static void victim_clear(Victim *victim)
{
    close(victim->fd);
    forget(victim->path, victim->converted);
}

static void flip(const Victim *victim, gsize at, guint8 mask)
{
    guint8 byte;

    g_assert_cmpint(pread(victim->fd, &byte, 1, (off_t)at), ==, 1);
    byte ^= mask;
    g_assert_cmpint(pwrite(victim->fd, &byte, 1, (off_t)at), ==, 1);
}

static void test_flipped(gconstpointer form)
{
    /* All bits of every byte, and single ones here and there. */
    static const guint8 masks[] = {0xff, 0x01, 0x80, 0x10};
    Victim victim;
    guint n_unread = 0;

    victim_make(&victim, form);
    for (gsize at = 0; at < victim.size; at++) {
        for (size_t i = 0; i < (at % 7 ? 1 : G_N_ELEMENTS(masks)); i++) {
            flip(&victim, at, masks[i]);
            n_unread += read_damaged(victim.converted) == 0;
            flip(&victim, at, masks[i]);
        }
    }
    /* Damage costs no more than what it hit: few bytes are vital. */
    g_assert_cmpuint(n_unread, <, 3 * 200);
    g_assert_cmpuint(read_damaged(victim.converted), ==, 41);
    victim_clear(&victim);
}

static void test_cut(gconstpointer form)
{
    Victim victim;

    victim_make(&victim, form);
    for (gsize cut = victim.size; cut-- > 0;) {
        g_assert_cmpint(ftruncate(victim.fd, (off_t)cut), ==, 0);
        g_assert_cmpuint(read_damaged(victim.converted), <=, 41);
    }
    victim_clear(&victim);
}

/* Version 7 has the table of CPUs at the end, where files are cut. */
static void test_no_table(void)
{
    for (size_t i = 1; i < G_N_ELEMENTS(forms); i++) {
        Victim victim;
        g_autoptr(DatFile) dat = NULL;

        victim_make(&victim, &forms[i]);
        g_assert_cmpint(ftruncate(victim.fd, (off_t)victim.size - 30), ==, 0);
        g_assert_cmpuint(read_damaged(victim.converted), ==, 41);
        dat = dat_file_open(victim.converted, NULL);
        g_assert_cmpuint(dat->problems->len, ==, 1);
        g_assert_nonnull(strstr(dat->problems->pdata[0], "table of CPUs"));
        /* Only chunks are counted where the second CPU has none. */
        g_assert_cmpuint(dat->cpus->len, ==, forms[i].compression ? 3 : 2);
        victim_clear(&victim);
    }
}

/* A page that is overwritten costs its events, and one warning. */
static void test_one_warning(void)
{
    char *path = build();
    g_autofree char *bytes = NULL;
    gsize size;
    g_autoptr(DatFile) dat = NULL;
    g_autoptr(GString) text = NULL;
    DatCpuData data;

    g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    dat = dat_file_open(path, NULL);
    data = g_array_index(dat->cpus, DatCpuData, 2);
    g_assert_cmpuint(data.size_bytes, ==, 4 * 4096);
    g_clear_pointer(&dat, dat_file_close);
    /* Two pages in a row, of 12 events each, are one damage. */
    memset(bytes + data.offset_bytes + 4096, 0xff, 2 * 4096);
    g_assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
    dat = dat_file_open(path, NULL);
    text = list(dat);
    g_assert_cmpuint(dat->problems->len, ==, 1);
    g_assert_nonnull(strstr(dat->problems->pdata[0], "CPU 2: a page"));
    g_assert_null(strstr(text->str, "\n2 1036 "));
    g_assert_nonnull(strstr(text->str, "\n2 1108 16 "));
    g_assert_nonnull(strstr(text->str, " -1 0\n2 1111 "));
    dat_builder_forget(path);
    g_free(path);
}

/* Kernels from 6.8 on can have sub-buffers of several pages. */
static const char large_header_page[] =
    "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
    "\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n"
    "\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n"
    "\tfield: char data;\toffset:16;\tsize:16368;\tsigned:0;\n";

static bool copy_into_large_page(gpointer data, uint32_t cpu, uint8_t *page)
{
    memset(page, 0, 16384);
    return copy_page(data, cpu, page);
}

static void test_large_pages(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        char *path = build();
        char *other = g_strconcat(path, ".large", NULL);
        g_autoptr(DatFile) source = dat_file_open(path, NULL);
        g_autoptr(DatFile) dat = dat_file_open(path, NULL);
        g_autoptr(DatFile) large = NULL;
        g_autoptr(GString) in_source = list(source);
        g_autoptr(GString) in_large = NULL;
        Copy copy = {.dat = source};
        TraceImage image = {
            .dat = dat,
            .version = forms[i].version,
            .compression = forms[i].compression,
            .n_cpus = dat->cpus->len,
            .next_page = copy_into_large_page,
            .data = &copy,
        };

        g_bytes_unref(dat->metadata.header_page);
        dat->metadata.header_page =
            g_bytes_new_static(large_header_page, strlen(large_header_page));
        dat->page_bytes = 16384;
        g_assert_true(trace_image_write(&image, other, NULL));
        large = dat_file_open(other, NULL);
        g_assert_cmpuint(large->page_bytes, ==, 16384);
        in_large = list(large);
        g_assert_cmpstr(in_large->str, ==, in_source->str);
        forget(path, other);
    }
}

static bool append(const char *text, size_t size, gpointer data)
{
    g_string_append_len(data, text, (gssize)size);
    return true;
}

/* A latency tracer's file has text in place of events. */
static void test_text(void)
{
    g_autoptr(GString) text = g_string_new("# tracer: wakeup\n");

    for (guint i = 0; i < 50; i++) {
        g_string_append_printf(text, "  <idle>-0  0d.h. %uus\n", i);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        char *path = build();
        char *other = convert_to(path, &forms[i], text->str);
        g_autoptr(DatFile) dat = dat_file_open(other, NULL);
        g_autoptr(GString) found = g_string_new(NULL);

        g_assert_true(dat->is_text);
        g_assert_cmpuint(dat->cpus->len, ==, 0);
        g_assert_cmpuint(dat->problems->len, ==, 0);
        g_assert_true(dat_file_read_text(dat, append, found));
        g_assert_cmpstr(found->str, ==, text->str);
        forget(path, other);
    }
}

static void test_unknown_compression(void)
{
    char *path = build();
    char *converted = convert(path, &forms[2]);
    g_autofree char *bytes = NULL;
    g_autoptr(GError) error = NULL;
    gsize size;
    char *name;

    g_assert_true(g_file_get_contents(converted, &bytes, &size, NULL));
    name = memmem(bytes, size, "zlib", 4);
    memcpy(name, "lzma", 4);
    g_assert_true(g_file_set_contents(converted, bytes, (gssize)size, NULL));
    g_assert_null(dat_file_open(converted, &error));
    g_assert_nonnull(strstr(error->message, "compressed with 'lzma'"));
    forget(path, converted);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dat-file/forms", test_forms);
    g_test_add_func("/dat-file/one-warning", test_one_warning);
    g_test_add_func("/dat-file/no-table", test_no_table);
    g_test_add_func("/dat-file/large-pages", test_large_pages);
    g_test_add_func("/dat-file/text", test_text);
    g_test_add_func("/dat-file/unknown-compression", test_unknown_compression);
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        g_autofree char *name =
            g_strdup_printf("%u-%s", forms[i].version,
                            forms[i].compression ? forms[i].compression
                                                 : "none");
        g_autofree char *flipped =
            g_strdup_printf("/dat-file/flipped/%s", name);
        g_autofree char *cut = g_strdup_printf("/dat-file/cut/%s", name);

        g_test_add_data_func(flipped, &forms[i], test_flipped);
        g_test_add_data_func(cut, &forms[i], test_cut);
    }
    return g_test_run();
}
