/*
 * MergeLanes: what it costs, in events moved and in memory held, however the
 * CPUs' times lie.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "dat-builder.h"
#include "merge/merge-lanes.h"
#include "trace-data/page-source.h"

#define N_CPUS  64
#define WANTED  2 /* the task of the events that are wanted */
#define ANOTHER 1

static TimelineInput *open_built(DatBuilder *builder)
{
    const DatOptions options = {.trace_id = 1};

    return dat_builder_open(builder, "x.dat", &options);
}

static void add_lanes(MergeLanes *lanes, TimelineInput *input)
{
    merge_lanes_init(lanes);
    for (guint cpu = 0; cpu < input->dat->cpus->len; cpu++) {
        merge_lanes_add(lanes, input, cpu);
    }
}

/* Events in order, and says how many. */
static guint64 read_all(MergeLanes *lanes)
{
    TimelineEvent events[100];
    uint64_t last_ticks = 0;
    guint64 n_events = 0;
    size_t n;

    while ((n = merge_lanes_read(lanes, events, G_N_ELEMENTS(events))) > 0) {
        for (size_t i = 0; i < n; i++) {
            g_assert_cmpuint(events[i].event.line_ticks, >=, last_ticks);
            last_ticks = events[i].event.line_ticks;
        }
        n_events += n;
    }
    return n_events;
}

/* n events of a CPU, each some ticks after the one before. */
static void add_burst(DatBuilder *builder, unsigned cpu, uint64_t ticks,
                      uint64_t step, guint n)
{
    for (guint i = 0; i < n; i++) {
        dat_builder_add(builder, cpu, ticks + i * step, BUILT_NUMBER, ANOTHER,
                        i);
    }
}

/*
 * After a quiet time, which makes a block's time long, one CPU is busy before
 * all others are: they come first, and are ahead of it.
 */
static DatBuilder *build_ahead(guint n_busy, guint n_others)
{
    const uint64_t quiet = UINT64_C(1) << 40, later = UINT64_C(1) << 31;
    DatBuilder *builder = dat_builder_new(N_CPUS);

    for (unsigned cpu = 0; cpu < N_CPUS; cpu++) {
        add_burst(builder, cpu, 1000, UINT64_C(1) << 32, 50);
        add_burst(builder, cpu, cpu < N_CPUS - 1 ? quiet + later : quiet, 3,
                  cpu < N_CPUS - 1 ? n_others : n_busy);
    }
    return builder;
}

/* Times of many CPUs, that overlap badly: each is busy a bit before others. */
static DatBuilder *build_stairs(guint n_each)
{
    const uint64_t quiet = UINT64_C(1) << 40;
    DatBuilder *builder = dat_builder_new(N_CPUS);

    for (unsigned cpu = 0; cpu < N_CPUS; cpu++) {
        add_burst(builder, cpu, 1000, UINT64_C(1) << 32, 50);
        add_burst(builder, cpu, quiet + (N_CPUS - cpu) * UINT64_C(2000), 1,
                  n_each);
    }
    return builder;
}

/* How often an event is moved from block to block, on average. */
static void expect_moves(DatBuilder *builder, guint64 n_events, guint64 most)
{
    g_autoptr(TimelineInput) input = open_built(builder);
    MergeLanes lanes;

    add_lanes(&lanes, input);
    g_assert_cmpuint(read_all(&lanes), ==, n_events);
    g_test_message("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " moved",
                   lanes.n_carried, n_events);
    g_assert_cmpuint(lanes.n_carried, <=, most * n_events);
    merge_lanes_clear(&lanes);
}

static void test_work(void)
{
    const guint n_busy = 100000, n_others = 300, n_each = 3000;
    g_autoptr(DatBuilder) ahead = build_ahead(n_busy, n_others);
    g_autoptr(DatBuilder) stairs = build_stairs(n_each);

    expect_moves(ahead, n_busy + n_others * (N_CPUS - 1) + 50 * N_CPUS, 12);
    expect_moves(stairs, (n_each + 50) * N_CPUS, 12);
}

/* A page for each event; every so-manyth is wanted, or none. */
static TimelineInput *open_sparse(guint n_cpus, guint n_events, guint rarity)
{
    const int32_t pid = WANTED;
    g_autoptr(DatBuilder) builder = dat_builder_new(n_cpus);
    TimelineInput *input;

    for (guint i = 0; i < n_events; i++) {
        bool wanted = rarity && i % rarity == rarity - 1;

        dat_builder_add(builder, i % n_cpus, i * 10, BUILT_NUMBER,
                        wanted ? WANTED : ANOTHER, i);
        dat_builder_end_page(builder, i % n_cpus, 0);
    }
    input = open_built(builder);
    input->filter = event_filter_new(input->events);
    event_filter_require_pids(input->filter, &pid, 1);
    return input;
}

/* Nobody wants anything: nothing is held for it, nor given to who keeps. */
static void expect_let_go(guint n_cpus, guint rarity, guint n_wanted)
{
    g_autoptr(TimelineInput) input = open_sparse(n_cpus, 6000, rarity);
    g_autoptr(GPtrArray) kept = timeline_kept_new();
    MergeLanes lanes;
    TimelineEvent event;
    guint n = 0;

    add_lanes(&lanes, input);
    while (merge_lanes_read(&lanes, &event, 1) > 0) {
        g_assert_cmpuint(lanes.held->len, <=, n_cpus + 1);
        n++;
    }
    g_assert_cmpuint(n, ==, n_wanted);
    g_assert_cmpuint(lanes.held->len, <=, 1);
    merge_lanes_clear(&lanes);

    add_lanes(&lanes, input);
    lanes.kept = kept;
    for (n = 0; merge_lanes_read(&lanes, &event, 1) > 0; n++) {
    }
    g_assert_cmpuint(n, ==, n_wanted);
    /* The page of each, and what one was carried in, at most. */
    g_assert_cmpuint(kept->len, <=, 2 * n_wanted);
    merge_lanes_clear(&lanes);
}

static void test_unwanted(void)
{
    static const guint n_cpus[] = {2, 5, 40};

    for (guint i = 0; i < G_N_ELEMENTS(n_cpus); i++) {
        expect_let_go(n_cpus[i], 0, 0);
        expect_let_go(n_cpus[i], 1500, 4);
    }
}

/* A burst of many pages, all of which are wanted, is not held at once. */
static void test_held(void)
{
    const guint n_cpus = 5, n_events = 20000;
    g_autoptr(DatBuilder) builder = dat_builder_new(n_cpus);
    g_autoptr(TimelineInput) input = NULL;
    MergeLanes lanes;
    TimelineEvent event;
    size_t most_bytes = 0;
    guint n;

    for (guint i = 0; i < n_events; i++) {
        dat_builder_add(builder, i % n_cpus, 1000, BUILT_NUMBER, ANOTHER, i);
        dat_builder_end_page(builder, i % n_cpus, 0);
    }
    input = open_built(builder);
    add_lanes(&lanes, input);
    for (n = 0; merge_lanes_read(&lanes, &event, 1) > 0; n++) {
        size_t bytes = 0;

        for (guint i = 0; i < lanes.held->len; i++) {
            bytes += page_buffer_bytes(lanes.held->pdata[i]);
        }
        most_bytes = MAX(most_bytes, bytes);
    }
    g_assert_cmpuint(n, ==, n_events);
    /* The file has 80 MiB. */
    g_assert_cmpuint(most_bytes, <, 40u << 20);
    merge_lanes_clear(&lanes);
}

/* Losses that are more than can be counted are of an unknown number. */
static void test_losses(void)
{
    const int32_t pid = WANTED;
    g_autoptr(DatBuilder) builder = dat_builder_new(1);
    g_autoptr(TimelineInput) input = NULL;
    MergeLanes lanes;
    TimelineEvent event;

    for (int i = 0; i < 3; i++) {
        dat_builder_add(builder, 0, (uint64_t)i, BUILT_NUMBER,
                        i < 2 ? ANOTHER : WANTED, i);
        dat_builder_end_page(builder, 0, INT64_MAX);
    }
    input = open_built(builder);
    input->filter = event_filter_new(input->events);
    event_filter_require_pids(input->filter, &pid, 1);
    add_lanes(&lanes, input);
    g_assert_cmpuint(merge_lanes_read(&lanes, &event, 1), ==, 1);
    g_assert_cmpint(event.event.missed_events, ==, -1);
    merge_lanes_clear(&lanes);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/merge-lanes/work", test_work);
    g_test_add_func("/merge-lanes/unwanted", test_unwanted);
    g_test_add_func("/merge-lanes/held", test_held);
    g_test_add_func("/merge-lanes/losses", test_losses);
    return g_test_run();
}
