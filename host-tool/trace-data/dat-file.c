/*
 * DatFile: a trace.dat file, opened for reading.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/dat-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <gio/gio.h>

#include "trace-data/dat-options.h"

/* What a header may hold before it is taken for damage. */
#define MAX_TEXT_BYTES   (256u << 20)
#define MAX_NAME_BYTES   256
#define MAX_EVENTS       65536
#define MAX_SYSTEMS      4096
#define MAX_CPUS         4096
#define MAX_OPTION_BYTES (16u << 20)

#define TAG_BYTES 10 /* "options  ", "flyrecord", "latency  " and their NUL */

/* A position in the header: everything is read through it, in order. */
typedef struct HeaderReader {
    DatFile *dat;
    uint64_t offset;
    uint64_t file_bytes;
} HeaderReader;

G_GNUC_PRINTF(3, 4)
static bool damaged(HeaderReader *in, GError **error, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                "%s: damaged header: %s at byte %" G_GUINT64_FORMAT
                "; record again, or recover the session it belongs to",
                in->dat->path, what, in->offset);
    return false;
}

static bool read_bytes(HeaderReader *in, void *buffer, size_t size,
                       const char *what, GError **error)
{
    size_t done = 0;

    if (size > in->file_bytes - in->offset) {
        return damaged(in, error, "the file ends inside %s", what);
    }
    while (done < size) {
        ssize_t got = pread(in->dat->fd, (char *)buffer + done, size - done,
                            (off_t)(in->offset + done));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
                        "%s: cannot read %s: %s", in->dat->path, what,
                        got < 0 ? g_strerror(errno) : "the file got shorter");
            return false;
        }
        done += (size_t)got;
    }
    in->offset += size;
    return true;
}

static bool read_u16(HeaderReader *in, uint16_t *value, const char *what,
                     GError **error)
{
    return read_bytes(in, value, sizeof(*value), what, error);
}

static bool read_u32(HeaderReader *in, uint32_t *value, const char *what,
                     GError **error)
{
    return read_bytes(in, value, sizeof(*value), what, error);
}

static bool read_u64(HeaderReader *in, uint64_t *value, const char *what,
                     GError **error)
{
    return read_bytes(in, value, sizeof(*value), what, error);
}

/* A text of size bytes; the NUL after it is not part of the GBytes. */
static GBytes *read_text(HeaderReader *in, uint64_t size, const char *what,
                         GError **error)
{
    g_autofree char *text = NULL;

    if (size > MAX_TEXT_BYTES || size > in->file_bytes - in->offset) {
        damaged(in, error, "%s of %" G_GUINT64_FORMAT " bytes", what, size);
        return NULL;
    }
    text = g_malloc(size + 1);
    if (!read_bytes(in, text, size, what, error)) {
        return NULL;
    }
    text[size] = '\0';
    return g_bytes_new_take(g_steal_pointer(&text), size);
}

static GBytes *read_text_u64(HeaderReader *in, const char *what, GError **error)
{
    uint64_t size;

    return read_u64(in, &size, what, error) ? read_text(in, size, what, error)
                                            : NULL;
}

static GBytes *read_text_u32(HeaderReader *in, const char *what, GError **error)
{
    uint32_t size;

    return read_u32(in, &size, what, error) ? read_text(in, size, what, error)
                                            : NULL;
}

static bool read_name(HeaderReader *in, char name[MAX_NAME_BYTES],
                      const char *what, GError **error)
{
    for (size_t i = 0; i < MAX_NAME_BYTES; i++) {
        if (!read_bytes(in, &name[i], 1, what, error)) {
            return false;
        }
        if (name[i] == '\0') {
            return true;
        }
    }
    return damaged(in, error, "%s without an end", what);
}

static bool expect(HeaderReader *in, const char *bytes, size_t size,
                   GError **error)
{
    char found[16];

    if (!read_bytes(in, found, size, bytes, error)) {
        return false;
    }
    return memcmp(found, bytes, size) == 0 ||
           damaged(in, error, "'%s' is missing", bytes);
}

static bool read_start(HeaderReader *in, GError **error)
{
    static const uint8_t magic[10] = {0x17, 0x08, 0x44, 't', 'r',
                                      'a',  'c',  'i',  'n', 'g'};
    uint8_t found[sizeof(magic)];
    char version[MAX_NAME_BYTES];
    uint8_t layout[2];

    if (in->file_bytes < sizeof(magic) ||
        !read_bytes(in, found, sizeof(found), "the magic", NULL) ||
        memcmp(found, magic, sizeof(magic)) != 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                    "%s: not a trace.dat file; name a file that was recorded "
                    "with qemu-trace-merge or trace-cmd",
                    in->dat->path);
        return false;
    }
    if (!read_name(in, version, "the version", error)) {
        return false;
    }
    if (strcmp(version, "6") != 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                    "%s: this is a version %.8s file, and only version 6 is "
                    "read; make one with 'trace-cmd convert --file-version 6'",
                    in->dat->path, version);
        return false;
    }
    if (!read_bytes(in, layout, sizeof(layout), "the layout", error) ||
        !read_u32(in, &in->dat->page_bytes, "the page size", error)) {
        return false;
    }
    if (layout[0] != 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                    "%s: this is a big-endian file; only recordings of x86 "
                    "machines are read",
                    in->dat->path);
        return false;
    }
    if (in->dat->page_bytes < 512 || in->dat->page_bytes > (1u << 20) ||
        (in->dat->page_bytes & (in->dat->page_bytes - 1))) {
        return damaged(in, error, "a page size of %u", in->dat->page_bytes);
    }
    return true;
}

/*
 * The kernel's long, which sizes the page header's commit field, is told by
 * header_page alone; the file's own long size is user space's.
 */
static bool parse_long_bytes(HeaderReader *in, GError **error)
{
    const char *text = g_bytes_get_data(in->dat->metadata.header_page, NULL);
    const char *commit = text ? strstr(text, " commit;") : NULL;
    const char *size = commit ? strstr(commit, "size:") : NULL;
    long bytes = size ? strtol(size + strlen("size:"), NULL, 10) : 8;

    if (bytes != 4 && bytes != 8) {
        return damaged(in, error, "a commit field of %ld bytes", bytes);
    }
    in->dat->long_bytes = (uint32_t)bytes;
    return true;
}

static bool read_header_pages(HeaderReader *in, GError **error)
{
    g_autoptr(GBytes) header_event = NULL;

    if (!expect(in, "header_page", 12, error)) {
        return false;
    }
    in->dat->metadata.header_page = read_text_u64(in, "header_page", error);
    if (!in->dat->metadata.header_page || !parse_long_bytes(in, error) ||
        !expect(in, "header_event", 13, error)) {
        return false;
    }
    header_event = read_text_u64(in, "header_event", error);
    return header_event != NULL;
}

static bool read_formats(HeaderReader *in, const char *system, uint32_t count,
                         GError **error)
{
    GPtrArray *formats = in->dat->metadata.formats;

    if (count > MAX_EVENTS || formats->len + count > MAX_EVENTS) {
        return damaged(in, error, "%u events in system %s", count, system);
    }
    for (uint32_t i = 0; i < count; i++) {
        GBytes *text = read_text_u64(in, "an event format", error);
        DatFormat *format;

        if (!text) {
            return false;
        }
        format = g_new0(DatFormat, 1);
        format->system = g_strdup(system);
        format->text = text;
        g_ptr_array_add(formats, format);
    }
    return true;
}

static bool read_all_formats(HeaderReader *in, GError **error)
{
    uint32_t count, systems;

    if (!read_u32(in, &count, "the ftrace events", error) ||
        !read_formats(in, "ftrace", count, error) ||
        !read_u32(in, &systems, "the event systems", error)) {
        return false;
    }
    if (systems > MAX_SYSTEMS) {
        return damaged(in, error, "%u event systems", systems);
    }
    for (uint32_t i = 0; i < systems; i++) {
        char system[MAX_NAME_BYTES];

        if (!read_name(in, system, "a system's name", error) ||
            !read_u32(in, &count, "a system's events", error) ||
            !read_formats(in, system, count, error)) {
            return false;
        }
    }
    return true;
}

static bool read_symbols(HeaderReader *in, GError **error)
{
    DatMetadata *metadata = &in->dat->metadata;

    metadata->kallsyms = read_text_u32(in, "kallsyms", error);
    if (!metadata->kallsyms) {
        return false;
    }
    metadata->printk_formats = read_text_u32(in, "printk formats", error);
    if (!metadata->printk_formats) {
        return false;
    }
    metadata->cmdlines = read_text_u64(in, "command lines", error);
    return metadata->cmdlines != NULL;
}

static bool read_options(HeaderReader *in, GError **error)
{
    for (;;) {
        uint16_t id;
        uint32_t size;
        g_autoptr(GBytes) option = NULL;
        g_autofree char *problem = NULL;

        if (!read_u16(in, &id, "the options", error)) {
            return false;
        }
        if (id == DAT_OPTION_DONE) {
            return true;
        }
        if (!read_u32(in, &size, "an option", error)) {
            return false;
        }
        if (size > MAX_OPTION_BYTES) {
            return damaged(in, error, "an option of %u bytes", size);
        }
        option = read_text(in, size, "an option", error);
        if (!option) {
            return false;
        }
        problem = dat_option_read(in->dat, id, option);
        if (problem) {
            dat_file_problem(in->dat, "%s; it is ignored", problem);
        }
    }
}

static bool read_tag(HeaderReader *in, uint32_t n_cpus, GError **error)
{
    char tag[TAG_BYTES];

    if (!read_bytes(in, tag, sizeof(tag), "the kind of data", error)) {
        return false;
    }
    if (memcmp(tag, "options  ", TAG_BYTES) == 0) {
        if (!read_options(in, error) ||
            !read_bytes(in, tag, sizeof(tag), "the kind of data", error)) {
            return false;
        }
    }
    if (memcmp(tag, "latency  ", TAG_BYTES) == 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                    "%s: holds a latency tracer's text, not events; show it "
                    "with 'trace-cmd report'",
                    in->dat->path);
        return false;
    }
    return memcmp(tag, "flyrecord", TAG_BYTES) == 0 ||
           damaged(in, error, "no table of %u CPUs", n_cpus);
}

static bool read_cpu_table(HeaderReader *in, uint32_t n_cpus, GError **error)
{
    for (uint32_t cpu = 0; cpu < n_cpus; cpu++) {
        DatCpuData data;
        uint64_t room = 0;

        if (!read_u64(in, &data.offset_bytes, "the table of CPUs", error) ||
            !read_u64(in, &data.size_bytes, "the table of CPUs", error)) {
            return false;
        }
        if (data.offset_bytes < in->file_bytes) {
            room = in->file_bytes - data.offset_bytes;
        }
        if (data.size_bytes > room) {
            dat_file_problem(in->dat,
                             "CPU %u: %" G_GUINT64_FORMAT
                             " of %" G_GUINT64_FORMAT
                             " bytes are missing at the end of the file",
                             cpu, data.size_bytes - room, data.size_bytes);
            data.size_bytes = room;
        }
        g_array_append_val(in->dat->cpus, data);
    }
    return true;
}

static bool read_header(HeaderReader *in, GError **error)
{
    uint32_t n_cpus;

    if (!read_start(in, error) || !read_header_pages(in, error) ||
        !read_all_formats(in, error) || !read_symbols(in, error) ||
        !read_u32(in, &n_cpus, "the number of CPUs", error)) {
        return false;
    }
    if (n_cpus > MAX_CPUS) {
        return damaged(in, error, "%u CPUs", n_cpus);
    }
    return read_tag(in, n_cpus, error) && read_cpu_table(in, n_cpus, error);
}

static void format_free(gpointer data)
{
    DatFormat *format = data;

    g_free(format->system);
    g_bytes_unref(format->text);
    g_free(format);
}

DatFile *dat_file_open(const char *path, GError **error)
{
    g_autoptr(DatFile) dat = g_new0(DatFile, 1);
    HeaderReader in = {.dat = dat};
    struct stat status;

    dat->path = g_strdup(path);
    dat->cpus = g_array_new(FALSE, FALSE, sizeof(DatCpuData));
    dat->problems = g_ptr_array_new_with_free_func(g_free);
    dat->metadata.formats = g_ptr_array_new_with_free_func(format_free);
    dat->clock = g_strdup("local");
    dat->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (dat->fd < 0 || fstat(dat->fd, &status) < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
                    "%s: cannot open: %s", path, g_strerror(errno));
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE,
                    "%s: not a file; name a trace.dat file", path);
        return NULL;
    }
    in.file_bytes = (uint64_t)status.st_size;
    if (!read_header(&in, error)) {
        return NULL;
    }
    return g_steal_pointer(&dat);
}

void dat_file_problem(DatFile *dat, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    dat->n_problems++;
    if (dat->n_problems <= DAT_MAX_PROBLEMS) {
        g_ptr_array_add(dat->problems,
                        g_strdup_printf("%s: %s", dat->path, what));
    } else if (dat->n_problems == DAT_MAX_PROBLEMS + 1) {
        g_ptr_array_add(dat->problems,
                        g_strdup_printf("%s: there is more damage, which is "
                                        "not listed",
                                        dat->path));
    }
}

void dat_file_drop_metadata(DatFile *dat)
{
    DatMetadata *metadata = &dat->metadata;

    g_clear_pointer(&metadata->header_page, g_bytes_unref);
    g_clear_pointer(&metadata->formats, g_ptr_array_unref);
    g_clear_pointer(&metadata->kallsyms, g_bytes_unref);
    g_clear_pointer(&metadata->printk_formats, g_bytes_unref);
    g_clear_pointer(&metadata->cmdlines, g_bytes_unref);
}

void dat_file_close(DatFile *dat)
{
    if (!dat) {
        return;
    }
    if (dat->fd >= 0) {
        close(dat->fd);
    }
    dat_file_drop_metadata(dat);
    g_clear_pointer(&dat->options.guests, g_ptr_array_unref);
    g_clear_pointer(&dat->options.time_shifts, g_ptr_array_unref);
    g_array_unref(dat->cpus);
    g_ptr_array_unref(dat->problems);
    g_free(dat->clock);
    g_free(dat->path);
    g_free(dat);
}
