/*
 * TimeRange: how times are written, and which events they leave.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <gio/gio.h>
#include <string.h>

#include "dat-builder.h"
#include "merge/time-range.h"

#define N_EVENTS UINT64_C(20000)

/* One event each microsecond, from 1 s on, of a clock of 2 ticks per ns. */
#define FIRST_TICKS (UINT64_C(2) * 1000000000)
#define STEP_TICKS  UINT64_C(2000)

static GPtrArray *open_inputs(bool has_ns)
{
    GPtrArray *inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);
    g_autoptr(DatBuilder) builder = dat_builder_new(2);
    const DatOptions options = {
        .trace_id = 1,
        .tsc_mult = has_ns ? 1 : 0,
        .tsc_shift = 1,
    };

    for (uint64_t i = 0; i < N_EVENTS; i++) {
        dat_builder_add(builder, i % 2, FIRST_TICKS + STEP_TICKS * i,
                        i % 100 == 0 ? BUILT_KVM_EXIT : BUILT_NUMBER, 1, 0);
    }
    g_ptr_array_add(inputs, dat_builder_open(builder, "x.dat", &options));
    return inputs;
}

/* What is asked for, and the first event's number and how many are left. */
typedef struct Row {
    const char *from;
    const char *to;
    const char *around;
    int head; /* -1: not given */
    int tail;
    uint64_t first;
    uint64_t n_left;
} Row;

static const Row rows[] = {
    {NULL, NULL, NULL, -1, -1, 0, N_EVENTS},
    {"1.000100", NULL, NULL, -1, -1, 100, N_EVENTS - 100},
    {"1.0001004", NULL, NULL, -1, -1, 101, N_EVENTS - 101},
    {"1000100us", NULL, NULL, 3, -1, 100, 3},
    {"1000.1ms", NULL, NULL, 3, -1, 100, 3},
    {"1000100000ns", NULL, NULL, 3, -1, 100, 3},
    {"2000200000t", NULL, NULL, 3, -1, 100, 3},
    {"2000200001t", NULL, NULL, 3, -1, 101, 3},
    {"+100us", NULL, NULL, 3, -1, 100, 3},
    {"+0.0001", NULL, NULL, 3, -1, 100, 3},
    {"+200000t", NULL, NULL, 3, -1, 100, 3},
    {"-100us", NULL, NULL, -1, -1, N_EVENTS - 101, 101},
    {"-200000t", NULL, NULL, -1, -1, N_EVENTS - 101, 101},
    {"-5s", NULL, NULL, 1, -1, 0, 1},
    {NULL, "1.000100", NULL, -1, -1, 0, 101},
    {NULL, "1.0000999", NULL, -1, -1, 0, 100},
    {NULL, "+99us", NULL, -1, -1, 0, 100},
    {NULL, "-1us", NULL, -1, -1, 0, N_EVENTS - 1},
    {NULL, "0.5", NULL, -1, -1, 0, 0},
    {NULL, "0t", NULL, -1, -1, 0, 0},
    {NULL, "100s", NULL, -1, -1, 0, N_EVENTS},
    {"100s", NULL, NULL, -1, -1, 0, 0},
    {"1.010000", "+5us", NULL, -1, -1, 10000, 6},
    {"1.010000", "+10000t", NULL, -1, -1, 10000, 6},
    {NULL, NULL, "1.010000:2us", -1, -1, 9998, 5},
    {NULL, NULL, "2020000000t:4000t", -1, -1, 9998, 5},
    {NULL, NULL, "1.010000", -1, -1, 9000, 2001},
    {NULL, NULL, "+10ms:1us", -1, -1, 9999, 3},
    {NULL, NULL, "-0us:1us", -1, -1, N_EVENTS - 2, 2},
    {NULL, NULL, NULL, 0, -1, 0, 0},
    {NULL, NULL, NULL, -1, 0, 0, 0},
    {NULL, NULL, NULL, -1, 5, N_EVENTS - 5, 5},
    {NULL, "1.010000", NULL, -1, 5, 9996, 5},
    {"1.010000", "+2us", NULL, -1, 5, 10000, 3},
    {"1.010000", "+9us", NULL, -1, 5, 10005, 5},
    {NULL, "1.003", NULL, -1, 1, 3000, 1},
    {NULL, NULL, NULL, -1, 50000, 0, N_EVENTS},
};

static TimeRange range_of(const Row *row)
{
    TimeRange range = {
        .has_head = row->head >= 0,
        .head = (uint64_t)row->head,
        .has_tail = row->tail >= 0,
        .tail = (uint64_t)row->tail,
    };

    if (row->from) {
        g_assert_true(time_point_parse(row->from, &range.from, NULL));
    }
    if (row->to) {
        g_assert_true(time_point_parse(row->to, &range.to, NULL));
    }
    if (row->around) {
        g_assert_true(time_range_parse_around(&range, row->around, NULL));
    }
    return range;
}

static void check_row(GPtrArray *inputs, const Row *row)
{
    g_autoptr(Timeline) timeline = timeline_new(inputs);
    g_autoptr(GError) error = NULL;
    TimeRange range = range_of(row);
    uint64_t n_left = 0, first = 0;
    TimelineEvent event;

    time_range_apply(&range, inputs, timeline, &error);
    g_assert_no_error(error);
    while (timeline_next(timeline, &event)) {
        if (n_left++ == 0) {
            first = (event.event.line_ticks - FIRST_TICKS) / STEP_TICKS;
        }
    }
    if (n_left != row->n_left || first != row->first) {
        g_error("row %d: expected %d events from %d on, got %d from %d",
                (int)(row - rows), (int)row->n_left, (int)row->first,
                (int)n_left, (int)first);
    }
}

static void test_ranges(void)
{
    g_autoptr(GPtrArray) inputs = open_inputs(true);

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        check_row(inputs, &rows[i]);
    }
}

/* What ends before it begins is a mistake, not an empty part. */
static void test_backwards(void)
{
    static const Row backwards[] = {
        {"1.010000", "1.009", NULL, -1, -1, 0, 0},
        {"-1us", "-2us", NULL, -1, -1, 0, 0},
        {"2020000000t", "2019999999t", NULL, -1, -1, 0, 0},
    };
    g_autoptr(GPtrArray) inputs = open_inputs(true);

    for (size_t i = 0; i < G_N_ELEMENTS(backwards); i++) {
        g_autoptr(Timeline) timeline = timeline_new(inputs);
        g_autoptr(GError) error = NULL;
        TimeRange range = range_of(&backwards[i]);

        g_assert_false(time_range_apply(&range, inputs, timeline, &error));
        g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT);
    }
}

/* Counts are of the events that are wanted. */
static void test_filtered(void)
{
    static const char *const patterns[] = {"kvm_exit", NULL};
    g_autoptr(GPtrArray) inputs = open_inputs(true);
    TimelineInput *input = inputs->pdata[0];
    static const Row filtered[] = {
        {NULL, NULL, NULL, 3, -1, 0, 3},
        {NULL, NULL, NULL, -1, 3, N_EVENTS - 300, 3},
        {NULL, "1.010000", NULL, -1, 2, 9900, 2},
        {"1.010001", NULL, NULL, 2, -1, 10100, 2},
    };
    bool matched = false;

    input->filter = event_filter_new(input->events);
    event_filter_require_events(input->filter, patterns, &matched);
    for (size_t i = 0; i < G_N_ELEMENTS(filtered); i++) {
        check_row(inputs, &filtered[i]);
    }
}

/* Without a length of a tick, plain numbers are ticks as they are printed. */
static void test_ticks(void)
{
    g_autoptr(GPtrArray) inputs = open_inputs(false);
    static const Row ticks[] = {
        {"2000200000", NULL, NULL, 3, -1, 100, 3},
        {"+200000", "+4000", NULL, -1, -1, 100, 3},
        {NULL, NULL, "2000200000:2000", -1, -1, 99, 3},
    };
    static const char *const seconds[] = {"1s", "1.5", "+3us"};

    for (size_t i = 0; i < G_N_ELEMENTS(ticks); i++) {
        check_row(inputs, &ticks[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(seconds); i++) {
        g_autoptr(Timeline) timeline = timeline_new(inputs);
        g_autoptr(GError) error = NULL;
        TimeRange range = {0};

        g_assert_true(time_point_parse(seconds[i], &range.from, NULL));
        g_assert_false(time_range_apply(&range, inputs, timeline, &error));
        g_assert_nonnull(strstr(error->message, "how long a tick is"));
    }
}

static void test_words(void)
{
    static const char *const wrong[] = {
        "",
        "x",
        "1x",
        "1.",
        ".5",
        "1.5t",
        "--1",
        "+",
        "1 s",
        "1m",
        "0x10",
        "1e3",
        "1.2.3",
        "1.0000000001",
        "99999999999999999999",
        "99999999999999999999t",
        "9999999999999s",
    };
    TimeRange range = {0};

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        TimePoint point;

        if (time_point_parse(wrong[i], &point, &error)) {
            g_error("'%s' should be refused", wrong[i]);
        }
        g_assert_nonnull(strstr(error->message, wrong[i]));
    }
    g_assert_false(time_range_parse_around(&range, "1:+1ms", NULL));
    g_assert_false(time_range_parse_around(&range, "1:", NULL));
}

static void test_exclusive(void)
{
    g_autoptr(GPtrArray) inputs = open_inputs(true);
    static const Row wrong[] = {
        {"1", NULL, "1", -1, -1, 0, 0},
        {NULL, "1", "1", -1, -1, 0, 0},
        {NULL, NULL, NULL, 1, 1, 0, 0},
        {NULL, NULL, "1s:5t", -1, -1, 0, 0},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(Timeline) timeline = timeline_new(inputs);
        TimeRange range = range_of(&wrong[i]);

        g_assert_false(time_range_apply(&range, inputs, timeline, NULL));
    }
}

/* Whoever gets nothing is told where the events are. */
static void test_empty(void)
{
    static const struct {
        Row row;
        bool has_ns;
        const char *expected; /* NULL: it is meant so */
    } empty[] = {
        {{.from = "100s", .head = -1, .tail = -1},
         true,
         "from 1.000000 to 1.019999"},
        {{.to = "0.5", .head = -1, .tail = -1},
         true,
         "from 1.000000 to 1.019999"},
        {{.around = "2.5:1ms", .head = -1, .tail = -1},
         true,
         "from 1.000000 to 1.019999"},
        {{.from = "3000000000", .head = -1, .tail = -1},
         false,
         "from 2000000000t to 2039998000t"},
        {{.from = "1.01", .head = 0, .tail = -1}, true, NULL},
        {{.head = -1, .tail = 0}, true, NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(empty); i++) {
        g_autoptr(GPtrArray) inputs = open_inputs(empty[i].has_ns);
        g_autoptr(Timeline) timeline = timeline_new(inputs);
        TimeRange range = range_of(&empty[i].row);
        g_autofree char *text = NULL;
        TimelineEvent event;

        g_assert_true(time_range_apply(&range, inputs, timeline, NULL));
        g_assert_false(timeline_next(timeline, &event));
        text = time_range_empty_text(&range, inputs, timeline);
        g_assert_cmpint(!text, ==, !empty[i].expected);
        if (text && !strstr(text, empty[i].expected)) {
            g_error("row %zu: expected '%s', got '%s'", i, empty[i].expected,
                    text);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/time-range/ranges", test_ranges);
    g_test_add_func("/time-range/backwards", test_backwards);
    g_test_add_func("/time-range/filtered", test_filtered);
    g_test_add_func("/time-range/ticks", test_ticks);
    g_test_add_func("/time-range/words", test_words);
    g_test_add_func("/time-range/empty", test_empty);
    g_test_add_func("/time-range/exclusive", test_exclusive);
    return g_test_run();
}
