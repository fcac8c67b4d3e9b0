/*
 * stream_to_dat(): what is in the file, from whole, cut and damaged streams.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "stream-builder.h"
#include "trace-data/stream-to-dat.h"

/* The file, and where reading it stands. */
typedef struct Dat {
    GByteArray *bytes;
    size_t at;
} Dat;

static const guint8 *take(Dat *dat, size_t size)
{
    const guint8 *piece = dat->bytes->data + dat->at;

    g_assert_cmpuint(size, <=, dat->bytes->len - dat->at);
    dat->at += size;
    return piece;
}

static uint64_t number(Dat *dat, size_t size)
{
    uint64_t value = 0;

    memcpy(&value, take(dat, size), size);
    return value;
}

static void assert_bytes(Dat *dat, const void *expected, size_t size)
{
    g_assert_cmpmem(take(dat, size), size, expected, size);
}

static void assert_text(Dat *dat, size_t size_bytes, const char *expected)
{
    g_assert_cmpuint(number(dat, size_bytes), ==, strlen(expected));
    assert_bytes(dat, expected, strlen(expected));
}

static StreamSummary *convert_within(const Limits *limits, const guint8 *bytes,
                                     size_t size, const DatOptions *options,
                                     GByteArray **file, GError **error)
{
    int stream_fd = file_of_bytes(bytes, size);
    int dat_fd = file_of_bytes("", 0);
    StreamSummary *summary =
        stream_to_dat(stream_fd, dat_fd, options, limits, error);

    if (file) {
        *file = bytes_of_file(dat_fd);
        if (summary) {
            g_assert_cmpuint((*file)->len, ==, summary->dat_bytes);
        }
    }
    close(stream_fd);
    close(dat_fd);
    return summary;
}

static StreamSummary *convert(const guint8 *bytes, size_t size,
                              const DatOptions *options, GByteArray **file,
                              GError **error)
{
    return convert_within(&limits_default, bytes, size, options, file, error);
}

static StreamSummary *convert_builder(const StreamBuilder *builder,
                                      GByteArray **file)
{
    g_autoptr(GError) error = NULL;
    DatOptions options = {0};
    StreamSummary *summary = convert(builder->bytes->data, builder->bytes->len,
                                     &options, file, &error);

    g_assert_no_error(error);
    return summary;
}

static void assert_note(const StreamSummary *summary, const char *needle)
{
    for (guint i = 0; i < summary->notes->len; i++) {
        if (strstr(g_ptr_array_index(summary->notes, i), needle)) {
            return;
        }
        g_test_message("%s", (char *)g_ptr_array_index(summary->notes, i));
    }
    g_error("no note with \"%s\"", needle);
}

static void assert_page(Dat *dat, uint64_t ticks, uint64_t events)
{
    uint64_t commit;

    g_assert_cmpuint(dat->at % BUILDER_PAGE_BYTES, ==, 0);
    g_assert_cmpuint(number(dat, 8), ==, ticks);
    commit = number(dat, 8);
    g_assert_cmpuint(commit, ==, 8 * events);
    take(dat, commit);
    for (size_t i = 16 + commit; i < BUILDER_PAGE_BYTES; i++) {
        g_assert_cmpuint(number(dat, 1), ==, 0);
    }
}

static void assert_texts(Dat *dat)
{
    assert_bytes(dat, "\x17\x08\x44tracing6\0\0\x08", 14);
    g_assert_cmpuint(number(dat, 4), ==, BUILDER_PAGE_BYTES);
    assert_bytes(dat, "header_page", 12);
    assert_text(dat, 8, "header page text\n");
    assert_bytes(dat, "header_event", 13);
    assert_text(dat, 8, "header event text\n");
    g_assert_cmpuint(number(dat, 4), ==, 1);
    assert_text(dat, 8, "print 1, print 2");
    g_assert_cmpuint(number(dat, 4), ==, 2);
    assert_bytes(dat, "sched", 6);
    g_assert_cmpuint(number(dat, 4), ==, 2);
    assert_text(dat, 8, "one");
    assert_text(dat, 8, "three");
    assert_bytes(dat, "irq", 4);
    g_assert_cmpuint(number(dat, 4), ==, 1);
    assert_text(dat, 8, "two");
    assert_text(dat, 4, "ffffffff81000000 T _text");
    assert_text(dat, 4, "0x1 : \"x\"\n");
    assert_text(dat, 8, "7 new\n12 bash\n");
}

static void skip_options(Dat *dat)
{
    uint64_t id;

    assert_bytes(dat, "options  ", 10);
    while ((id = number(dat, 2)) != 0) {
        take(dat, number(dat, 4));
    }
    assert_bytes(dat, "flyrecord", 10);
}

static void test_whole(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new_whole();
    g_autoptr(GByteArray) file = NULL;
    g_autoptr(StreamSummary) summary = convert_builder(builder, &file);
    Dat dat = {file, 0};
    uint64_t offsets[4], sizes[4];

    assert_texts(&dat);
    g_assert_cmpuint(number(&dat, 4), ==, 4);
    skip_options(&dat);
    for (int i = 0; i < 4; i++) {
        offsets[i] = number(&dat, 8);
        sizes[i] = number(&dat, 8);
    }
    assert_text(&dat, 8, "[x86-tsc]");
    g_assert_cmpuint(sizes[0], ==, 2 * BUILDER_PAGE_BYTES);
    g_assert_cmpuint(sizes[1], ==, 0);
    g_assert_cmpuint(sizes[2], ==, 0);
    g_assert_cmpuint(sizes[3], ==, 3 * BUILDER_PAGE_BYTES);
    dat.at = offsets[0];
    assert_page(&dat, 2000, 4);
    assert_page(&dat, 3000, 5);
    g_assert_cmpuint(offsets[3], ==, dat.at);
    assert_page(&dat, 1000, 3);
    assert_page(&dat, 4000, 6);
    assert_page(&dat, 5000, 7);
    g_assert_cmpuint(dat.at, ==, file->len);
}

static void test_summary(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new_whole();
    g_autoptr(StreamSummary) summary = convert_builder(builder, NULL);
    const TraceCpuStats *stats;

    g_assert_cmpuint(summary->hello.trace_id, ==, BUILDER_TRACE_ID);
    g_assert_true(summary->ended);
    g_assert_cmpuint(summary->stream_bytes, ==, builder->bytes->len);
    g_assert_cmpuint(summary->notes->len, ==, 0);
    g_assert_cmpuint(summary->cpus->len, ==, 2);
    g_assert_cmpuint(g_array_index(summary->cpus, TraceHelloCpu, 1).apic_id, ==,
                     6);
    stats = &g_array_index(summary->stats, TraceCpuStats, 1);
    g_assert_cmpuint(stats->cpu, ==, 3);
    g_assert_cmpuint(stats->overrun_events, ==, 203);
    g_assert_cmpuint(stats->unread_events, ==, 503);
    g_assert_cmpuint(stats->pages, ==, 3);
}

/* HELLO is the first frame; from its end on, every prefix gives a file. */
static void test_prefixes(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new_whole();
    guint hello_bytes = sizeof(TraceFrameHeader) + sizeof(TraceHello) +
                        2 * sizeof(TraceHelloCpu);
    uint64_t most = 0;

    for (guint size = 0; size < builder->bytes->len; size++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GByteArray) file = NULL;
        DatOptions options = {0};
        g_autoptr(StreamSummary) summary =
            convert(builder->bytes->data, size, &options, &file, &error);

        if (size < hello_bytes) {
            g_assert_null(summary);
            g_assert_nonnull(error);
            continue;
        }
        g_assert_no_error(error);
        g_assert_false(summary->ended);
        assert_note(summary, "breaks off at byte");
        g_assert_cmpuint(summary->stream_bytes, <=, size);
        g_assert_cmpuint(summary->stream_bytes, >=, most);
        most = summary->stream_bytes;
    }
}

static void test_flips(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new_whole();
    guint8 *bytes = builder->bytes->data;

    for (guint i = 0; i < builder->bytes->len; i++) {
        guint8 masks[] = {1, 0x80, 0xff};

        for (guint j = 0; j < G_N_ELEMENTS(masks); j++) {
            g_autoptr(GError) error = NULL;
            g_autoptr(StreamSummary) summary = NULL;
            g_autoptr(GByteArray) file = NULL;
            DatOptions options = {0};

            bytes[i] ^= masks[j];
            summary =
                convert(bytes, builder->bytes->len, &options, &file, &error);
            bytes[i] ^= masks[j];
            g_assert_true((summary != NULL) == (error == NULL));
            g_assert_cmpuint(file->len, <, 16u << 20);
        }
    }
}

static void test_damage(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new();
    g_autoptr(StreamSummary) summary = NULL;
    guint at;

    build_hello(builder);
    build_page(builder, 0, 1000, 1);
    build_loss(builder, 3, 77);
    at = build_page(builder, 0, 2000, 1);
    build_end(builder);
    builder->bytes->data[at] ^= 1;
    summary = convert_builder(builder, NULL);
    g_assert_false(summary->ended);
    g_assert_cmpuint(summary->stream_bytes, ==, at);
    assert_note(summary, "damaged at byte");
    assert_note(summary, "no header_page");
    assert_note(summary, "no event formats");
    g_assert_cmpuint(g_array_index(summary->stats, TraceCpuStats, 0).pages, ==,
                     1);
    g_assert_cmpuint(
        g_array_index(summary->stats, TraceCpuStats, 1).overrun_events, ==, 77);
}

static void test_after_end(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new_whole();
    g_autoptr(StreamSummary) summary = NULL;
    guint end = builder->bytes->len;

    build_page(builder, 0, 1000, 1);
    summary = convert_builder(builder, NULL);
    g_assert_true(summary->ended);
    g_assert_cmpuint(summary->stream_bytes, ==, end);
    assert_note(summary, "bytes follow the END frame");
}

static void test_page_count(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new();
    g_autoptr(StreamSummary) summary = NULL;

    build_hello(builder);
    build_page(builder, 3, 1000, 1);
    builder->pages[3] = 9;
    build_end(builder);
    summary = convert_builder(builder, NULL);
    g_assert_true(summary->ended);
    assert_note(summary, "sent 9 pages of CPU 3, but 1 came");
}

/* The frames of a small stream can ask for no more than the growth allowed. */
static void test_growth(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new();
    g_autoptr(StreamSummary) summary = NULL;
    g_autoptr(GError) error = NULL;
    DatOptions options = {0};
    guint8 page[16] = {0};
    uint64_t max_pages;

    builder->hello.page_bytes = TRACE_STREAM_MAX_PAGE_BYTES;
    build_hello(builder);
    for (guint i = 0; i < 600; i++) {
        build_frame(builder, TRACE_FRAME_PAGE, 0, page, sizeof(page));
    }
    summary = convert(builder->bytes->data, builder->bytes->len, &options, NULL,
                      &error);
    g_assert_no_error(error);
    max_pages = stream_max_dat_bytes(builder->bytes->len, &limits_default) /
                TRACE_STREAM_MAX_PAGE_BYTES;
    g_assert_cmpuint(max_pages, <, 600);
    g_assert_cmpuint(g_array_index(summary->stats, TraceCpuStats, 0).pages, ==,
                     max_pages);
    assert_note(summary, "what follows is above the limit");
}

/* As many pages as the limit has, and the rest is cut off. */
static void test_pages(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new_whole();
    DatOptions options = {0};
    Limits limits = limits_default;

    for (limits.pages = 4; limits.pages <= 5; limits.pages++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(StreamSummary) summary =
            convert_within(&limits, builder->bytes->data, builder->bytes->len,
                           &options, NULL, &error);

        g_assert_no_error(error);
        g_assert_cmpint(summary->ended, ==, limits.pages == 5);
        if (limits.pages == 4) {
            assert_note(summary, "what follows is above the limit");
        }
    }
}

/* More than one buffer, and more than one batch, of pages. */
static void test_large(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new();
    g_autoptr(StreamSummary) summary = NULL;
    g_autoptr(GByteArray) file = NULL;
    Dat dat = {0};

    build_hello(builder);
    for (guint i = 0; i < 4000; i++) {
        build_page(builder, i % 7 == 0 ? 3 : 0, i, i % 500);
    }
    build_end(builder);
    summary = convert_builder(builder, &file);
    g_assert_true(summary->ended);
    dat.bytes = file;
    dat.at = file->len - 4000 * BUILDER_PAGE_BYTES;
    for (guint i = 0; i < 4000; i++) {
        if (i % 7 != 0) {
            assert_page(&dat, i, i % 500);
        }
    }
    for (guint i = 0; i < 4000; i += 7) {
        assert_page(&dat, i, i % 500);
    }
}

static void test_read_hello(void)
{
    g_autoptr(StreamBuilder) builder = stream_builder_new_whole();
    g_autoptr(StreamSummary) summary = NULL;
    g_autoptr(GError) error = NULL;
    int fd = file_of_bytes(builder->bytes->data, builder->bytes->len);

    summary = stream_read_hello(fd, &limits_default, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(summary->hello.trace_id, ==, BUILDER_TRACE_ID);
    g_assert_cmpuint(summary->cpus->len, ==, 2);
    g_assert_cmpuint(summary->notes->len, ==, 0);
    close(fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stream-to-dat/whole", test_whole);
    g_test_add_func("/stream-to-dat/summary", test_summary);
    g_test_add_func("/stream-to-dat/prefixes", test_prefixes);
    g_test_add_func("/stream-to-dat/flips", test_flips);
    g_test_add_func("/stream-to-dat/damage", test_damage);
    g_test_add_func("/stream-to-dat/after-end", test_after_end);
    g_test_add_func("/stream-to-dat/page-count", test_page_count);
    g_test_add_func("/stream-to-dat/growth", test_growth);
    g_test_add_func("/stream-to-dat/pages", test_pages);
    g_test_add_func("/stream-to-dat/large", test_large);
    g_test_add_func("/stream-to-dat/read-hello", test_read_hello);
    return g_test_run();
}
