/*
 * Timeline: order, offsets, scales and the files' own synchronisation.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "dat-builder.h"
#include "merge/timeline-ahead.h"
#include "merge/timeline.h"

typedef struct Fixture {
    GPtrArray *inputs;
    DatOptions options;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    fixture->inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);
    fixture->options = (DatOptions){.trace_id = 1};
}

static void tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_ptr_array_unref(fixture->inputs);
}

static TimelineInput *add_input(Fixture *fixture, DatBuilder *builder)
{
    TimelineInput *input =
        dat_builder_open(builder, "x.dat", &fixture->options);

    g_ptr_array_add(fixture->inputs, input);
    return input;
}

/* Events with these ticks, each of which carries its tick as its value. */
static DatBuilder *build(unsigned n_cpus, unsigned cpu, const uint64_t *ticks,
                         size_t n)
{
    DatBuilder *builder = dat_builder_new(n_cpus);

    for (size_t i = 0; i < n; i++) {
        dat_builder_add(builder, cpu, ticks[i], BUILT_NUMBER, 1,
                        (int64_t)ticks[i]);
    }
    return builder;
}

static void expect_times(Fixture *fixture, const uint64_t *times, size_t n)
{
    g_autoptr(Timeline) timeline = timeline_new(fixture->inputs);
    TimelineEvent event;

    for (size_t i = 0; i < n; i++) {
        g_assert_true(timeline_next(timeline, &event));
        g_assert_cmpuint(event.time, ==, times[i]);
    }
    g_assert_false(timeline_next(timeline, &event));
    g_assert_false(timeline_next(timeline, &event));
}

static void test_order(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(DatBuilder) a = dat_builder_new(3);
    g_autoptr(DatBuilder) b = dat_builder_new(2);
    g_autoptr(Timeline) timeline = NULL;
    TimelineEvent event;
    uint64_t ticks = 1000, last = 0;
    guint count = 0;

    for (guint i = 0; i < 3000; i++) {
        /* Some gaps are too large for a delta and force time extends. */
        ticks += i % 100 == 99 ? UINT64_C(1) << 33 : 7;
        dat_builder_add(a, i % 3, ticks, BUILT_NUMBER, 1, 0);
        dat_builder_add(b, i % 2, ticks + 3, BUILT_NUMBER, 1, 0);
    }
    add_input(fixture, a);
    add_input(fixture, b);
    timeline = timeline_new(fixture->inputs);
    while (timeline_next(timeline, &event)) {
        g_assert_cmpuint(event.event.line_ticks, >, last);
        last = event.event.line_ticks;
        count++;
    }
    g_assert_cmpuint(last, ==, ticks + 3);
    g_assert_cmpuint(count, ==, 6000);
}

static void test_ties(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const uint64_t ticks[] = {5, 5, 5};
    g_autoptr(DatBuilder) a = build(1, 0, ticks, 3);
    g_autoptr(DatBuilder) b = build(1, 0, ticks, 3);
    g_autoptr(Timeline) timeline = NULL;
    TimelineEvent event;

    add_input(fixture, a);
    add_input(fixture, b);
    timeline = timeline_new(fixture->inputs);
    for (int i = 0; i < 6; i++) {
        g_assert_true(timeline_next(timeline, &event));
        g_assert_true(event.input == fixture->inputs->pdata[i < 3 ? 0 : 1]);
    }
}

/* A CPU of an input, by its own cursor. */
typedef struct Lane {
    const TimelineInput *input;
    CpuCursor *cursor;
    CpuEvent next;
    bool has_next;
} Lane;

static uint64_t key_of(const Lane *lane, bool by_time)
{
    return by_time ? timeline_scale_apply(&lane->input->scale,
                                          lane->next.line_ticks)
                   : lane->next.line_ticks;
}

static GArray *open_lanes(const Fixture *fixture)
{
    GArray *lanes = g_array_new(FALSE, FALSE, sizeof(Lane));

    for (guint i = 0; i < fixture->inputs->len; i++) {
        const TimelineInput *input = fixture->inputs->pdata[i];

        for (guint cpu = 0; cpu < input->dat->cpus->len; cpu++) {
            bool has_track = input->tracks && cpu < input->tracks->len;
            Lane lane = {
                .input = input,
                .cursor =
                    cpu_cursor_new(input->dat, cpu,
                                   has_track ? input->tracks->pdata[cpu] : NULL,
                                   input->shift_ticks),
            };

            lane.has_next = cpu_cursor_next(lane.cursor, &lane.next);
            g_array_append_val(lanes, lane);
        }
    }
    return lanes;
}

/* Of the lanes' next events always the earliest, and of these the first. */
static void expect_earliest(Fixture *fixture, bool by_time)
{
    g_autoptr(Timeline) timeline = timeline_new(fixture->inputs);
    g_autoptr(GArray) lanes = open_lanes(fixture);
    TimelineEvent event;

    for (;;) {
        Lane *first = NULL;

        for (guint i = 0; i < lanes->len; i++) {
            Lane *lane = &g_array_index(lanes, Lane, i);

            if (lane->has_next &&
                (!first || key_of(lane, by_time) < key_of(first, by_time))) {
                first = lane;
            }
        }
        g_assert_cmpint(timeline_next(timeline, &event), ==, first != NULL);
        if (!first) {
            break;
        }
        g_assert_true(event.input == first->input);
        g_assert_cmpuint(event.event.line_ticks, ==, first->next.line_ticks);
        g_assert_cmpmem(event.event.data, event.event.size_bytes,
                        first->next.data, first->next.size_bytes);
        first->has_next = cpu_cursor_next(first->cursor, &first->next);
    }
    for (guint i = 0; i < lanes->len; i++) {
        cpu_cursor_free(g_array_index(lanes, Lane, i).cursor);
    }
}

/* Bursts, long gaps, and many events at once, on CPUs of unequal load. */
static DatBuilder *build_random(unsigned n_cpus, guint n_events)
{
    DatBuilder *builder = dat_builder_new(n_cpus);
    uint64_t ticks = 1000;

    for (guint i = 0; i < n_events; i++) {
        unsigned cpu = (unsigned)g_test_rand_int_range(0, (gint32)n_cpus);

        if (g_test_rand_int_range(0, 500) == 0) {
            ticks += UINT64_C(1) << g_test_rand_int_range(0, 36);
        }
        ticks += (uint64_t)g_test_rand_int_range(0, 3);
        dat_builder_add(builder, cpu / (cpu % 3 + 1), ticks, BUILT_NUMBER, 1,
                        i);
        if (g_test_rand_int_range(0, 2000) == 0) {
            dat_builder_end_page(builder, cpu, -1);
        }
    }
    return builder;
}

static void test_earliest(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const guint n_cpus[] = {1, 2, 3, 9, 40};
    static const ClockSegment segments[] = {
        {.to_host_ticks = 3999, .map = {.ratio = 1, .offset_ticks = 0}},
        {.from_host_ticks = 4000,
         .to_host_ticks = UINT64_MAX,
         .map = {.ratio = 1, .offset_ticks = 500}},
    };

    for (guint i = 0; i < G_N_ELEMENTS(n_cpus); i++) {
        g_autoptr(DatBuilder) a = build_random(n_cpus[i], 9000);
        g_autoptr(DatBuilder) b = build_random(2, 1000);
        TimelineInput *first = add_input(fixture, a);
        TimelineInput *second = add_input(fixture, b);

        expect_earliest(fixture, false);
        /* A clock that is set back, and ticks of two lengths. */
        timeline_input_set_track(first, 0, segments, 2);
        expect_earliest(fixture, false);
        first->scale = (TimelineScale){TIMELINE_NS, 3, 1, 0, 17};
        second->scale = (TimelineScale){TIMELINE_HZ, 0, 0, 700000000, -3};
        expect_earliest(fixture, true);
        g_ptr_array_set_size(fixture->inputs, 0);
    }
}

/* More events at once, on one CPU above all, than are put in order at once. */
static void test_burst(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(DatBuilder) builder = dat_builder_new(12);
    uint64_t ticks = 1000;

    for (guint i = 0; i < 120000; i++) {
        unsigned other = (unsigned)g_test_rand_int_range(0, 12);

        ticks += g_test_rand_int_range(0, 3) == 0;
        dat_builder_add(builder, i % 8 ? 5 : other, ticks, BUILT_NUMBER, 1, i);
    }
    add_input(fixture, builder);
    expect_earliest(fixture, false);
}

static void test_shift(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const uint64_t host_ticks[] = {1000, 2000};
    static const uint64_t guest_ticks[] = {100, 600};
    static const uint64_t merged[] = {100, 500, 600, 1500};
    g_autoptr(DatBuilder) host = build(1, 0, host_ticks, 2);
    g_autoptr(DatBuilder) guest = build(1, 0, guest_ticks, 2);

    /* The RFC's way: the guest's offset is given to the host's file. */
    add_input(fixture, host)->shift_ticks = -500;
    add_input(fixture, guest);
    expect_times(fixture, merged, G_N_ELEMENTS(merged));
}

static void test_time_shift(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const uint64_t ticks[] = {100, 200, 5300};
    static const uint64_t merged[] = {1100, 1200, 1300};
    static const DatTimeShift samples[] = {{0, 1000}, {5250, -4000}};
    g_autoptr(DatBuilder) guest = build(1, 0, ticks, 3);
    g_autoptr(GArray) shifts = g_array_new(FALSE, FALSE, sizeof(DatTimeShift));
    TimelineInput *input;

    g_array_append_vals(shifts, samples, 2);
    fixture->options.peer_trace_id = 2;
    fixture->options.time_shifts = g_ptr_array_new();
    g_ptr_array_add(fixture->options.time_shifts, shifts);
    input = add_input(fixture, guest);
    g_ptr_array_unref(fixture->options.time_shifts);
    timeline_input_use_time_shift(input);
    expect_times(fixture, merged, G_N_ELEMENTS(merged));
}

/* An input whose file had these samples for its only CPU. */
static TimelineInput *add_shifted(Fixture *fixture, DatBuilder *guest,
                                  const DatTimeShift *samples, guint n,
                                  bool interpolates)
{
    TimelineInput *input = add_input(fixture, guest);
    DatOptions *options = &input->dat->options;
    GArray *shifts = g_array_new(FALSE, FALSE, sizeof(DatTimeShift));

    g_array_append_vals(shifts, samples, n);
    g_clear_pointer(&options->time_shifts, g_ptr_array_unref);
    options->time_shifts =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    g_ptr_array_add(options->time_shifts, shifts);
    options->interpolates = interpolates;
    timeline_input_use_time_shift(input);
    return input;
}

/* guest = host * 1.5 - 1000, from tick 5000 of the guest's on + 2000. */
static void test_time_shift_scaled(Fixture *fixture,
                                   gconstpointer data G_GNUC_UNUSED)
{
    static const uint64_t ticks[] = {200, 1700, 1701, 5000, 6500};
    static const uint64_t merged[] = {800, 1800, 1801, 2000, 3000};
    const DatTimeShift samples[] = {
        {0, 1000, UINT64_C(3) << 47, 48},
        {5000, -2000, UINT64_C(3) << 47, 48},
    };
    g_autoptr(DatBuilder) guest = build(1, 0, ticks, G_N_ELEMENTS(ticks));
    const TimelineInput *input = add_shifted(fixture, guest, samples, 2, false);

    expect_times(fixture, merged, G_N_ELEMENTS(merged));
    /* trace-cmd shows other times. */
    g_assert_cmpuint(input->dat->problems->len, ==, 1);
}

/* Offsets that drift, as measured over a network, at any magnitude. */
static void test_time_shift_interpolated(Fixture *fixture,
                                         gconstpointer data G_GNUC_UNUSED)
{
    const uint64_t far = UINT64_C(1) << 58;
    const uint64_t ticks[] = {50,  100, 149, 150,     199,
                              200, 250, 300, 300 + 2, far};
    const uint64_t merged[] = {
        50 + 6, /* on the first two points' line; rounded as trace-cmd does */
        100 + 10,
        149 + 15,
        150 + 15,
        199 + 20,
        200 + 20,
        250 + 11, /* it turns back */
        300 + 1,
        302 + 1,
        /* The last two points' line, beyond what 64 bits multiply. */
        far + 20 - (far - 200) / 5,
    };
    const DatTimeShift samples[] = {{100, 10}, {200, 20}, {300, 0}};
    g_autoptr(DatBuilder) guest = build(1, 0, ticks, G_N_ELEMENTS(ticks));
    g_autoptr(Timeline) timeline = NULL;
    TimelineEvent event;

    add_shifted(fixture, guest, samples, 3, true);
    expect_times(fixture, merged, G_N_ELEMENTS(merged));
    timeline = timeline_new(fixture->inputs);
    g_assert_true(timeline_next(timeline, &event));
    /* No better than trace-cmd's measurements are. */
    g_assert_cmpuint(event.event.error_ticks, ==, 2000);
}

static void test_scales(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    /* Two clocks: 1 GHz by TSC2NSEC, 500 MHz by hand. */
    static const uint64_t fast_ticks[] = {1000, 3000};
    static const uint64_t slow_ticks[] = {1000, 2000};
    static const uint64_t merged[] = {1000, 2000, 3000, 4000};
    g_autoptr(DatBuilder) fast = build(1, 0, fast_ticks, 2);
    g_autoptr(DatBuilder) slow = build(1, 0, slow_ticks, 2);
    TimelineInput *input;

    fixture->options.tsc_mult = 1 << 20;
    fixture->options.tsc_shift = 20;
    add_input(fixture, fast);
    input = add_input(fixture, slow);
    input->scale = (TimelineScale){.unit = TIMELINE_HZ, .hz = 500000000};
    expect_times(fixture, merged, G_N_ELEMENTS(merged));
}

static void test_loss(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(DatBuilder) builder = dat_builder_new(1);
    g_autoptr(Timeline) timeline = NULL;
    TimelineEvent event;

    dat_builder_add(builder, 0, 10, BUILT_NUMBER, 1, 0);
    dat_builder_end_page(builder, 0, 17);
    dat_builder_add(builder, 0, 20, BUILT_NUMBER, 1, 0);
    dat_builder_end_page(builder, 0, -1);
    dat_builder_add(builder, 0, 30, BUILT_NUMBER, 1, 0);
    add_input(fixture, builder);
    timeline = timeline_new(fixture->inputs);
    g_assert_true(timeline_next(timeline, &event));
    g_assert_cmpint(event.event.missed_events, ==, 0);
    g_assert_true(event.event.loss_follows);
    g_assert_true(timeline_next(timeline, &event));
    g_assert_cmpint(event.event.missed_events, ==, 17);
    g_assert_true(timeline_next(timeline, &event));
    g_assert_cmpint(event.event.missed_events, ==, -1);
    g_assert_false(event.event.loss_follows);
}

/* A file cut or changed anywhere is read as far as it goes, and no further. */
static void read_damaged(const char *path, const char *bytes, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);
    g_autoptr(Timeline) timeline = NULL;
    TimelineInput *input;
    TimelineEvent event;

    g_file_set_contents_full(path, bytes, (gssize)size,
                             G_FILE_SET_CONTENTS_NONE, 0600, &error);
    g_assert_no_error(error);
    input = timeline_input_open(path, "damaged", &error);
    if (!input) {
        g_assert_nonnull(strstr(error->message, path));
        return;
    }
    timeline_input_use_time_shift(input);
    g_ptr_array_add(inputs, input);
    timeline = timeline_new(inputs);
    for (int i = 0; timeline_next(timeline, &event); i++) {
        g_assert_cmpint(i, <, 10000);
    }
}

static void test_damage(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const uint64_t ticks[] = {100, 200, 300, 1000000000, 1000000100};
    g_autoptr(DatBuilder) builder = build(2, 1, ticks, 5);
    g_autofree char *path =
        dat_builder_write(builder, "damaged.dat", &fixture->options);
    g_autofree char *bytes = NULL;
    gsize size;

    g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    for (gsize cut = 0; cut < size; cut += cut < 6000 ? 7 : 61) {
        read_damaged(path, bytes, cut);
    }
    for (gsize at = 0; at < size;
         at += at < 6000 || at > size - 4096 ? 3 : 61) {
        bytes[at] = (char)~bytes[at];
        read_damaged(path, bytes, size);
        bytes[at] = (char)~bytes[at];
    }
    dat_builder_forget(path);
}

/* Two files of several CPUs, many pages, and runs of equal ticks. */
static void add_many(Fixture *fixture)
{
    g_autoptr(DatBuilder) a = dat_builder_new(3);
    g_autoptr(DatBuilder) b = dat_builder_new(2);
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    uint64_t ticks = 1000;

    for (guint i = 0; i < 2000; i++) {
        ticks += (uint64_t)g_rand_int_range(rand, 0, 3);
        dat_builder_add(a, (unsigned)g_rand_int_range(rand, 0, 3), ticks,
                        BUILT_NUMBER, 1, i);
        if (i % 4 == 0) {
            dat_builder_add(b, (unsigned)g_rand_int_range(rand, 0, 2), ticks,
                            BUILT_NUMBER, 1, i);
        }
    }
    add_input(fixture, a);
    add_input(fixture, b);
}

/* The event's input, CPU, ticks and value, as one number to compare. */
static GArray *read_all(Timeline *timeline)
{
    GArray *events = g_array_new(FALSE, FALSE, sizeof(TimelineEvent));
    TimelineEvent event;

    while (timeline_next(timeline, &event)) {
        event.event.data = NULL; /* gone by the time they are compared */
        g_array_append_val(events, event);
    }
    return events;
}

static void expect_rest(Timeline *timeline, const GArray *all, guint from)
{
    g_autoptr(GArray) rest = read_all(timeline);

    g_assert_cmpuint(rest->len, ==, all->len - from);
    for (guint i = 0; i < rest->len; i++) {
        const TimelineEvent *want =
            &g_array_index(all, TimelineEvent, from + i);
        const TimelineEvent *got = &g_array_index(rest, TimelineEvent, i);

        g_assert_true(got->input == want->input);
        g_assert_cmpuint(got->cpu, ==, want->cpu);
        g_assert_cmpuint(got->time, ==, want->time);
        g_assert_cmpuint(got->event.ticks, ==, want->event.ticks);
        g_assert_cmpuint(got->event.line_ticks, ==, want->event.line_ticks);
        g_assert_cmpuint(got->event.error_ticks, ==, want->event.error_ticks);
    }
}

static guint first_at(const GArray *all, uint64_t time, bool by_ticks)
{
    guint i = 0;

    while (i < all->len) {
        const TimelineEvent *event = &g_array_index(all, TimelineEvent, i);

        if ((by_ticks ? event->event.line_ticks : event->time) >= time) {
            break;
        }
        i++;
    }
    return i;
}

static void test_seek(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Timeline) timeline = NULL;
    g_autoptr(GArray) all = NULL;

    add_many(fixture);
    timeline = timeline_new(fixture->inputs);
    all = read_all(timeline);
    g_assert_cmpuint(all->len, ==, 2500);
    /* Back and forth, before the beginning and behind the end. */
    for (uint64_t ticks = 0; ticks < 4000; ticks += 7) {
        uint64_t place = ticks % 2 ? ticks : 4000 - ticks;

        timeline_seek_ticks(timeline, place);
        expect_rest(timeline, all, first_at(all, place, true));
        timeline_seek(timeline, place);
        expect_rest(timeline, all, first_at(all, place, false));
    }
    timeline_rewind(timeline);
    expect_rest(timeline, all, 0);
}

static void count_event(const TimelineEvent *event G_GNUC_UNUSED, void *data)
{
    ++*(guint *)data;
}

static void expect_same(const TimelineEvent *got, const TimelineEvent *want)
{
    g_assert_true(got->input == want->input);
    g_assert_cmpuint(got->cpu, ==, want->cpu);
    g_assert_cmpuint(got->time, ==, want->time);
    g_assert_cmpuint(got->event.ticks, ==, want->event.ticks);
    g_assert_cmpuint(got->event.line_ticks, ==, want->event.line_ticks);
    g_assert_cmpint(got->event.missed_events, ==, want->event.missed_events);
    g_assert_cmpint(got->event.loss_follows, ==, want->event.loss_follows);
    g_assert_cmpmem(got->event.data, got->event.size_bytes, want->event.data,
                    want->event.size_bytes);
}

/* Ahead, and with events' data that stay, it is the same. */
static void test_ahead(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const unsigned n_cpus[] = {2, 5, 24};
    const guint n_built = 50000; /* several windows of each CPU */

    for (guint i = 0; i < G_N_ELEMENTS(n_cpus); i++) {
        g_autoptr(DatBuilder) builder = build_random(n_cpus[i], n_built);
        g_autoptr(Timeline) timeline = NULL;
        g_autoptr(Timeline) other = NULL;
        g_autoptr(TimelineAhead) ahead = NULL;
        const TimelineEvent *events;
        TimelineEvent event;
        size_t n_events;
        guint n = 0, n_seen = 0;

        g_ptr_array_set_size(fixture->inputs, 0);
        add_input(fixture, builder);
        timeline = timeline_new(fixture->inputs);
        other = timeline_new(fixture->inputs);
        ahead = timeline_ahead_new(other, count_event, &n_seen);
        while ((events = timeline_ahead_next(ahead, &n_events))) {
            for (size_t k = 0; k < n_events; k++, n++) {
                g_assert_true(timeline_next(timeline, &event));
                expect_same(&events[k], &event);
            }
        }
        g_assert_false(timeline_next(timeline, &event));
        g_assert_null(timeline_ahead_next(ahead, &n_events));
        g_assert_cmpuint(n, ==, n_built);
        g_assert_cmpuint(n_seen, ==, n);
    }
}

/* One by one and some at once, in turns, it is the same; up to any end. */
static void expect_same_read(Fixture *fixture)
{
    g_autoptr(Timeline) timeline = timeline_new(fixture->inputs);
    g_autoptr(Timeline) other = timeline_new(fixture->inputs);
    TimelineEvent events[50], event;
    size_t n_read, n_wanted;
    uint64_t last_time = 0, limit = G_MAXUINT64;

    for (guint round = 0; round < 100000; round++) {
        n_wanted = (size_t)g_test_rand_int_range(1, G_N_ELEMENTS(events));
        if (round % 16 == 3) {
            limit = last_time + (uint64_t)g_test_rand_int_range(0, 300);
        } else if (round % 16 == 8) {
            limit = G_MAXUINT64;
        }
        timeline_set_end(timeline, limit);
        timeline_set_end(other, limit);
        n_read = timeline_read(timeline, events, n_wanted);
        for (size_t i = 0; i < n_read; i++) {
            g_assert_true(timeline_next(other, &event));
            expect_same(&events[i], &event);
            g_assert_cmpuint(event.time, <=, limit);
            last_time = MAX(last_time, event.time);
        }
        if (n_read == 0) {
            g_assert_false(timeline_next(other, &event));
            if (limit == G_MAXUINT64) {
                return;
            }
        } else if (round % 3 == 0 && timeline_next(timeline, &event)) {
            g_assert_true(timeline_next(other, &events[0]));
            expect_same(&event, &events[0]);
        }
    }
    g_assert_not_reached();
}

static void test_read(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const unsigned n_cpus[] = {1, 3, 9, 40};

    for (guint i = 0; i < G_N_ELEMENTS(n_cpus); i++) {
        g_autoptr(DatBuilder) a = build_random(n_cpus[i], 30000);
        g_autoptr(DatBuilder) b = build_random(2, 1000);

        g_ptr_array_set_size(fixture->inputs, 0);
        add_input(fixture, a);
        add_input(fixture, b);
        expect_same_read(fixture);
    }
}

/* A limit counts what was read either way. */
static void test_read_limit(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(DatBuilder) builder = build_random(12, 1000);
    g_autoptr(Timeline) timeline = NULL;
    TimelineEvent events[100];
    size_t n, n_read = 1;

    add_input(fixture, builder);
    timeline = timeline_new(fixture->inputs);
    timeline_set_limit(timeline, 321);
    g_assert_true(timeline_next(timeline, &events[0]));
    for (n = 1; n_read > 0; n += n_read) {
        n_read = timeline_read(timeline, events, G_N_ELEMENTS(events));
    }
    g_assert_cmpuint(n, ==, 321);
    g_assert_false(timeline_next(timeline, &events[0]));
}

/* Given up early, it ends. */
static void test_ahead_cancelled(Fixture *fixture,
                                 gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(DatBuilder) builder = build_random(5, 9000);
    g_autoptr(Timeline) timeline = NULL;

    add_input(fixture, builder);
    timeline = timeline_new(fixture->inputs);
    for (int n_blocks = 0; n_blocks < 4; n_blocks++) {
        g_autoptr(TimelineAhead) ahead =
            timeline_ahead_new(timeline, NULL, NULL);
        size_t n_events;

        for (int i = 0; i < n_blocks; i++) {
            g_assert_nonnull(timeline_ahead_next(ahead, &n_events));
        }
        g_clear_pointer(&ahead, timeline_ahead_free);
        timeline_rewind(timeline);
    }
}

static void test_seek_scaled(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Timeline) timeline = NULL;
    g_autoptr(GArray) all = NULL;
    TimelineInput *input;

    /* Ticks of two lengths: the order is that of nanoseconds. */
    add_many(fixture);
    input = fixture->inputs->pdata[0];
    input->scale = (TimelineScale){TIMELINE_NS, 3, 1, 0, 17};
    input->shift_ticks = 5;
    input = fixture->inputs->pdata[1];
    input->scale = (TimelineScale){TIMELINE_HZ, 0, 0, 700000000, -3};
    timeline = timeline_new(fixture->inputs);
    all = read_all(timeline);
    for (uint64_t time = 1400; time < 4000; time += 9) {
        timeline_seek(timeline, time);
        expect_rest(timeline, all, first_at(all, time, false));
    }
}

static void test_seek_several_clocks(Fixture *fixture,
                                     gconstpointer data G_GNUC_UNUSED)
{
    static const ClockSegment segments[] = {
        {.to_host_ticks = 1999, .map = {.ratio = 1, .offset_ticks = 0}},
        {.from_host_ticks = 2000,
         .to_host_ticks = UINT64_MAX,
         .map = {.ratio = 1, .offset_ticks = 500}},
    };
    g_autoptr(Timeline) timeline = NULL;
    g_autoptr(GArray) all = NULL;

    add_many(fixture);
    timeline_input_set_track(fixture->inputs->pdata[0], 1, segments, 2);
    timeline = timeline_new(fixture->inputs);
    all = read_all(timeline);
    for (uint64_t ticks = 1000; ticks < 3200; ticks += 11) {
        timeline_seek_ticks(timeline, ticks);
        expect_rest(timeline, all, first_at(all, ticks, true));
    }
    timeline_seek_last(timeline, 10);
    expect_rest(timeline, all, all->len - 10);
}

static void test_last(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(Timeline) timeline = NULL;
    g_autoptr(GArray) all = NULL;
    TimelineSpan span;

    add_many(fixture);
    timeline = timeline_new(fixture->inputs);
    all = read_all(timeline);
    for (guint n = 0; n <= all->len; n += n < 300 ? 1 : 97) {
        timeline_seek_last(timeline, n);
        expect_rest(timeline, all, all->len - n);
    }
    timeline_seek_last(timeline, all->len + 1);
    expect_rest(timeline, all, 0);
    g_assert_true(timeline_span(timeline, &span));
    g_assert_cmpuint(span.first_time, ==,
                     g_array_index(all, TimelineEvent, 0).time);
    g_assert_cmpuint(span.last_time, ==,
                     g_array_index(all, TimelineEvent, all->len - 1).time);
    expect_rest(timeline, all, 0);
}

static void test_span_empty(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(DatBuilder) empty = dat_builder_new(2);
    g_autoptr(Timeline) timeline = NULL;
    TimelineSpan span;
    TimelineEvent event;

    add_input(fixture, empty);
    timeline = timeline_new(fixture->inputs);
    g_assert_false(timeline_span(timeline, &span));
    timeline_seek_last(timeline, 3);
    g_assert_false(timeline_next(timeline, &event));
}

/* The inverse is the first tick that is not before the time. */
static void test_invert(Fixture *fixture G_GNUC_UNUSED,
                        gconstpointer data G_GNUC_UNUSED)
{
    static const TimelineScale scales[] = {
        {TIMELINE_TICKS, 0, 0, 0, 0},
        {TIMELINE_NS, 1, 0, 0, 0},
        {TIMELINE_NS, 3726193, 23, 0, 1234},
        {TIMELINE_NS, 4294967295u, 31, 0, -77},
        {TIMELINE_HZ, 0, 0, 2250000000, 0},
        {TIMELINE_HZ, 0, 0, 3, -1},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(scales); i++) {
        for (uint64_t time = 1; time < UINT64_C(1) << 50;
             time += time / 3 + 1) {
            uint64_t ticks = timeline_scale_invert(&scales[i], time);

            if (ticks > 0) {
                g_assert_cmpuint(timeline_scale_apply(&scales[i], ticks), >=,
                                 time);
                g_assert_cmpint((gint64)timeline_scale_apply(&scales[i],
                                                             ticks - 1),
                                <, (gint64)time);
            }
        }
    }
    g_assert_cmpuint(timeline_scale_invert(&scales[5], UINT64_MAX), >, 0);
}

/* Whatever way it is computed, it is the 128-bit product, shifted. */
static void test_apply(Fixture *fixture G_GNUC_UNUSED,
                       gconstpointer data G_GNUC_UNUSED)
{
    for (uint32_t shift = 0; shift < 64; shift++) {
        for (int i = 0; i < 1000; i++) {
            uint64_t ticks = ((uint64_t)g_test_rand_int() << 32 |
                              (guint32)g_test_rand_int()) >>
                             g_test_rand_int_range(0, 64);
            TimelineScale scale = {.unit = TIMELINE_NS,
                                   .mult = (guint32)g_test_rand_int(),
                                   .shift = shift,
                                   .ns_offset = g_test_rand_int()};

            g_assert_cmpuint(timeline_scale_apply(&scale, ticks), ==,
                             (uint64_t)((unsigned __int128)ticks * scale.mult >>
                                        shift) +
                                 (uint64_t)scale.ns_offset);
        }
    }
}

#define ADD(path, func) \
    g_test_add("/timeline/" path, Fixture, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("order", test_order);
    ADD("ties", test_ties);
    ADD("ahead", test_ahead);
    ADD("ahead-cancelled", test_ahead_cancelled);
    ADD("read", test_read);
    ADD("read-limit", test_read_limit);
    ADD("apply", test_apply);
    ADD("earliest", test_earliest);
    ADD("burst", test_burst);
    ADD("shift", test_shift);
    ADD("time-shift", test_time_shift);
    ADD("time-shift-scaled", test_time_shift_scaled);
    ADD("time-shift-interpolated", test_time_shift_interpolated);
    ADD("scales", test_scales);
    ADD("loss", test_loss);
    ADD("damage", test_damage);
    ADD("seek", test_seek);
    ADD("seek-scaled", test_seek_scaled);
    ADD("seek-several-clocks", test_seek_several_clocks);
    ADD("last", test_last);
    ADD("span-empty", test_span_empty);
    ADD("invert", test_invert);
    return g_test_run();
}
