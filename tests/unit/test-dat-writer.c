/*
 * DatWriter: limits on texts, and the options that place a file in time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "stream-builder.h"
#include "trace-data/dat-writer.h"

static DatWriter *new_limited_writer(const char *clock, const Limits *limits)
{
    TraceHello hello = {
        .page_bytes = BUILDER_PAGE_BYTES,
        .long_bytes = 8,
        .trace_id = BUILDER_TRACE_ID,
        .release = "6.1.0\x1b[31m",
        .hostname = "guest 1",
    };

    g_strlcpy(hello.clock, clock, sizeof(hello.clock));
    return dat_writer_new(&hello, limits);
}

static DatWriter *new_writer(const char *clock)
{
    return new_limited_writer(clock, &limits_default);
}

static GByteArray *head_of(DatWriter *writer, const DatOptions *options)
{
    g_autoptr(GError) error = NULL;
    int fd = file_of_bytes("", 0);
    uint64_t pages[1] = {0};
    GByteArray *head;

    g_assert_true(dat_writer_start(writer, fd, options, pages, 1, &error));
    g_assert_no_error(error);
    head = bytes_of_file(fd);
    close(fd);
    g_assert_cmpuint(dat_writer_bytes(writer), ==, head->len);
    return head;
}

/* The data of an option, or NULL. */
static GByteArray *option_of(const GByteArray *head, uint16_t wanted)
{
    const guint8 *at = memmem(head->data, head->len, "options  ", 10);

    g_assert_nonnull(at);
    for (at += 10;;) {
        uint16_t id;
        uint32_t size;

        memcpy(&id, at, 2);
        if (id == 0) {
            return NULL;
        }
        memcpy(&size, at + 2, 4);
        at += 6;
        if (id == wanted) {
            return g_byte_array_append(g_byte_array_new(), at, size);
        }
        at += size;
    }
}

static void assert_option(const GByteArray *head, uint16_t id,
                          const void *expected, size_t size)
{
    g_autoptr(GByteArray) option = option_of(head, id);

    g_assert_nonnull(option);
    g_assert_cmpmem(option->data, option->len, expected, size);
}

static gboolean has(const GByteArray *head, const char *text)
{
    return memmem(head->data, head->len, text, strlen(text)) != NULL;
}

static void add(DatWriter *writer, TraceMetaKind kind, const char *name,
                const char *text)
{
    dat_writer_add_text(writer, kind, name, text, strlen(text));
}

static void test_strings(void)
{
    g_autoptr(DatWriter) writer = new_writer("x86-tsc");
    DatOptions options = {0};
    uint64_t id = BUILDER_TRACE_ID;

    add(writer, TRACE_META_TRACE_CLOCK, "", "local [x86-tsc] tai\n");

    g_autoptr(GByteArray) head = head_of(writer, &options);

    assert_option(head, 4, "local [x86-tsc] tai\n", 21);
    assert_option(head, 5, "Linux guest_1 6.1.0_[31m", 25);
    assert_option(head, 11, &id, 8);
    g_assert_null(option_of(head, 12));
    g_assert_null(option_of(head, 13));
    g_assert_null(option_of(head, 14));
}

/* The trace_clock text must not contradict HELLO, by which we synchronise. */
static void test_clock(void)
{
    g_autoptr(DatWriter) liar = new_writer("x86-tsc");
    g_autoptr(DatWriter) other = new_writer("local]\n");
    DatOptions options = {.tsc_mult = 1, .tsc_shift = 0};

    add(liar, TRACE_META_TRACE_CLOCK, "", "[local] x86-tsc\n");

    g_autoptr(GByteArray) liar_head = head_of(liar, &options);
    g_autoptr(GByteArray) other_head = head_of(other, &options);

    assert_option(liar_head, 4, "[x86-tsc]", 10);
    g_assert_nonnull(option_of(liar_head, 14));
    assert_option(other_head, 4, "[local__]", 10);
    g_assert_null(option_of(other_head, 14));
}

static void test_cmdlines(void)
{
    g_autoptr(DatWriter) writer = new_writer("x86-tsc");
    DatOptions options = {0};

    add(writer, TRACE_META_CMDLINES, "",
        "12 bash\nx y\n-3 minus\n7 old\n\n99999999999 big\n5\n7 ne");
    add(writer, TRACE_META_CMDLINES, "", "w \x1bname\n300 last");

    g_autoptr(GByteArray) head = head_of(writer, &options);

    g_assert_true(has(head, "7 new ?name\n12 bash\n300 last\n"));
    g_assert_false(has(head, "old"));
    g_assert_false(has(head, "minus"));
    g_assert_false(has(head, "big"));
}

static void test_names(void)
{
    static const char *const bad[] = {
        "",      "noslash", "/event", "system/",
        "a/b/c", "a b/c",   "../x\n", "a/\x1b",
    };
    g_autoptr(DatWriter) writer = new_writer("x86-tsc");
    g_autofree char *long_name = g_strnfill(limits_default.name_bytes + 1, 'x');
    g_autofree char *long_event = g_strdup_printf("a/%s", long_name);
    DatOptions options = {0};

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        add(writer, TRACE_META_EVENT_FORMAT, bad[i], "BAD");
    }
    add(writer, TRACE_META_EVENT_FORMAT, long_event, "BAD");
    add(writer, TRACE_META_EVENT_FORMAT, "a.b-c/D_1", "GOOD");
    add(writer, 99, "", "BAD");

    g_autoptr(GByteArray) head = head_of(writer, &options);
    const GPtrArray *notes = dat_writer_notes(writer);

    g_assert_false(has(head, "BAD"));
    g_assert_true(has(head, "GOOD"));
    /* Three by name, the rest counted, and the two missing headers. */
    g_assert_cmpuint(notes->len, ==, 6);
    g_assert_cmpstr(g_ptr_array_index(notes, 5), ==,
                    "6 more texts were left out.");
}

static void test_limits(void)
{
    g_autoptr(DatWriter) writer = new_writer("x86-tsc");
    g_autofree char *big = g_strnfill(1 << 20, 'K');
    DatOptions options = {0};

    add(writer, TRACE_META_EVENT_FORMAT, "big/format", big);
    for (uint64_t i = 0; i <= limits_default.kallsyms_bytes >> 20; i++) {
        add(writer, TRACE_META_KALLSYMS, "", big);
    }
    dat_writer_add_text(writer, TRACE_META_PRINTK_FORMATS, "", "a\0b", 3);
    for (guint i = 0; i < 2 * limits_default.systems; i++) {
        g_autofree char *name = g_strdup_printf("system%u/event", i);

        add(writer, TRACE_META_EVENT_FORMAT, name, "F");
    }

    g_autoptr(GByteArray) head = head_of(writer, &options);

    g_assert_false(has(head, "KKKK"));
    g_assert_cmpuint(head->len, <, 1 << 20);
}

/* What each limit is set to is taken, and one more isn't. */
static void test_set_limits(void)
{
    static const struct {
        size_t offset;
        uint64_t enough;
    } cases[] = {
        {offsetof(Limits, systems), 2},
        {offsetof(Limits, events), 3},
        {offsetof(Limits, name_bytes), 6},
        {offsetof(Limits, format_bytes), 8},
        {offsetof(Limits, kallsyms_bytes), 7},
        {offsetof(Limits, printk_bytes), 9},
        {offsetof(Limits, cmdlines_bytes), 5},
        {offsetof(Limits, text_bytes), 24 + 7 + 9 + 5},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (unsigned less = 0; less < 2; less++) {
            Limits limits = limits_default;
            g_autoptr(DatWriter) writer = NULL;
            DatOptions options = {0};
            g_autoptr(GByteArray) head = NULL;
            gboolean is_all;

            *(uint64_t *)((char *)&limits + cases[i].offset) =
                cases[i].enough - less;
            writer = new_limited_writer("x86-tsc", &limits);
            add(writer, TRACE_META_EVENT_FORMAT, "one/a", "FORMAT-1");
            add(writer, TRACE_META_EVENT_FORMAT, "second/b", "FORMAT-2");
            add(writer, TRACE_META_EVENT_FORMAT, "one/c", "FORMAT-3");
            add(writer, TRACE_META_KALLSYMS, "", "SYMBOLS");
            add(writer, TRACE_META_PRINTK_FORMATS, "", "0x1 : \"P\"");
            add(writer, TRACE_META_CMDLINES, "", "7 CO\n");
            head = head_of(writer, &options);
            is_all = has(head, "FORMAT-1") && has(head, "FORMAT-2") &&
                     has(head, "FORMAT-3") && has(head, "SYMBOLS") &&
                     has(head, "0x1 : \"P\"") && has(head, "7 CO");
            g_test_message("limit %zu: %u less", i, less);
            g_assert_cmpint(is_all, ==, !less);
        }
    }
}

static void test_guest(void)
{
    g_autoptr(DatWriter) writer = new_writer("x86-tsc");
    DatGuest guest = {
        .name = (char *)"vm1",
        .trace_id = 9,
        .threads = g_array_new(FALSE, FALSE, sizeof(int32_t)),
    };
    g_autoptr(GPtrArray) guests = g_ptr_array_new();
    DatOptions options = {.guests = guests, .trace_id = 5};
    int32_t threads[] = {100, 101};
    uint64_t id = 5;

    g_ptr_array_add(guests, &guest);
    g_array_append_vals(guest.threads, threads, 2);

    g_autoptr(GByteArray) head = head_of(writer, &options);
    static const char expected[] = "vm1\0\x09\0\0\0\0\0\0\0\x02\0\0\0"
                                   "\0\0\0\0\x64\0\0\0"
                                   "\x01\0\0\0\x65\0\0";

    assert_option(head, 13, expected, sizeof(expected));
    assert_option(head, 11, &id, 8);
    g_array_unref(guest.threads);
}

static void test_time_shift(void)
{
    g_autoptr(DatWriter) writer = new_writer("x86-tsc");
    g_autoptr(GPtrArray) shifts =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    DatOptions options = {
        .tsc_mult = 3,
        .tsc_shift = 2,
        .peer_trace_id = 8,
        .time_shifts = shifts,
    };
    DatTimeShift samples[] = {{200, -7}, {100, 5}};

    g_ptr_array_add(shifts, g_array_new(FALSE, FALSE, sizeof(DatTimeShift)));
    g_ptr_array_add(shifts, g_array_new(FALSE, FALSE, sizeof(DatTimeShift)));
    g_ptr_array_add(shifts, g_array_new(FALSE, FALSE, sizeof(DatTimeShift)));
    g_array_append_vals(shifts->pdata[0], samples, 1);
    g_array_append_vals(shifts->pdata[1], samples, 2);

    g_autoptr(GByteArray) head = head_of(writer, &options);
    g_autoptr(GByteArray) expected = g_byte_array_new();
    const struct {
        uint32_t size;
        uint64_t value;
    } members[] = {
        {8, 8},
        {4, 0},
        {4, 3},
        /* CPU 0: one sample */
        {4, 1},
        {8, 200},
        {8, -7},
        {8, 1},
        /* CPU 1: sorted, the last one given twice */
        {4, 3},
        {8, 100},
        {8, 200},
        {8, 201},
        {8, 5},
        {8, -7},
        {8, -7},
        {8, 1},
        {8, 1},
        {8, 1},
        /* CPU 2: not shifted */
        {4, 1},
        {8, 0},
        {8, 0},
        {8, 1},
        /* the fractions of all */
        {8, 0},
        {8, 0},
        {8, 0},
        {8, 0},
        {8, 0},
    };

    for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
        g_byte_array_append(expected, (const guint8 *)&members[i].value,
                            members[i].size);
    }
    assert_option(head, 12, expected->data, expected->len);
    assert_option(head, 14, "\3\0\0\0\2\0\0\0\0\0\0\0\0\0\0", 16);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dat-writer/strings", test_strings);
    g_test_add_func("/dat-writer/clock", test_clock);
    g_test_add_func("/dat-writer/cmdlines", test_cmdlines);
    g_test_add_func("/dat-writer/names", test_names);
    g_test_add_func("/dat-writer/limits", test_limits);
    g_test_add_func("/dat-writer/set-limits", test_set_limits);
    g_test_add_func("/dat-writer/guest", test_guest);
    g_test_add_func("/dat-writer/time-shift", test_time_shift);
    return g_test_run();
}
