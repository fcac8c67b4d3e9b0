/*
 * ClockTrack: a simulated guest whose TSC is rewritten while its ring buffer
 * is filled the way the kernel fills it; every event must be placed where it
 * truly happened, or within the error that is claimed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "clock/clock-track.h"

#define PAGE_EVENTS 40
/* How often an event has a delta of 0 without a step. */
#define NESTED_ONE_IN 60

/* A guest that runs through a list of clocks. */
typedef struct Simulation {
    ClockSegment segments[8];
    size_t n_segments;
    GArray *samples;         /* of ClockSample */
    GArray *truth;           /* of uint64_t: the events' true host ticks */
    GArray *page_bases;      /* of uint64_t: each page's header stamp */
    ClockStepHint step_hint; /* what this kernel leaves at a step back */
} Simulation;

static void simulation_init(Simulation *sim)
{
    memset(sim, 0, sizeof(*sim));
    sim->step_hint =
        g_test_rand_bit() ? CLOCK_STEP_ZERO_EXTEND : CLOCK_STEP_ZERO_DELTA;
    sim->samples = g_array_new(FALSE, FALSE, sizeof(ClockSample));
    sim->truth = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    sim->page_bases = g_array_new(FALSE, FALSE, sizeof(uint64_t));
}

static void simulation_clear(Simulation *sim)
{
    g_array_unref(sim->samples);
    g_array_unref(sim->truth);
    g_array_unref(sim->page_bases);
}

static void add_segment(Simulation *sim, uint64_t from, int64_t offset)
{
    ClockSegment *segment = &sim->segments[sim->n_segments];

    *segment = (ClockSegment){
        .from_host_ticks = from,
        .to_host_ticks = UINT64_MAX,
        .map = clock_map_unscaled(offset),
    };
    if (sim->n_segments > 0) {
        segment[-1].to_host_ticks = from - 1;
    }
    sim->n_segments++;
}

static const ClockSegment *segment_of(const Simulation *sim, uint64_t host)
{
    size_t i = 0;

    while (i + 1 < sim->n_segments &&
           host >= sim->segments[i + 1].from_host_ticks) {
        i++;
    }
    return &sim->segments[i];
}

/*
 * rb_add_timestamp(): deltas are against the last event's true stamp, and a
 * step back is stored as 0; a reader adds the deltas to the page's stamp.
 */
static void record(Simulation *sim, uint64_t host)
{
    uint64_t guest = clock_map_to_guest(&segment_of(sim, host)->map, host);
    guint n = sim->samples->len;
    ClockSample sample = {.guest_ticks = guest};

    if (n % PAGE_EVENTS == 0) {
        g_array_append_val(sim->page_bases, guest);
    } else {
        uint64_t last_host = g_array_index(sim->truth, uint64_t, n - 1);
        uint64_t last =
            clock_map_to_guest(&segment_of(sim, last_host)->map, last_host);
        uint64_t delta = guest > last ? guest - last : 0;

        sample.guest_ticks =
            g_array_index(sim->samples, ClockSample, n - 1).guest_ticks + delta;
        if (delta == 0) {
            sample.hint = guest < last ? sim->step_hint : CLOCK_STEP_ZERO_DELTA;
        }
    }
    g_array_append_val(sim->samples, sample);
    g_array_append_val(sim->truth, host);
}

static void run_events(Simulation *sim, uint64_t from, uint64_t to,
                       uint64_t gap)
{
    for (uint64_t host = from; host < to;
         host += 1 + (uint64_t)g_test_rand_int_range(0, (gint32)gap)) {
        record(sim, host);
        if (g_test_rand_int_range(0, NESTED_ONE_IN) == 0) {
            record(sim, host); /* a nested event may have the same stamp */
        }
    }
}

typedef struct Outcome {
    guint exact;
    guint bounded;
    guint unknown;
} Outcome;

static void check_event(const Simulation *sim, guint i,
                        const ClockPlacement *placed, Outcome *outcome)
{
    uint64_t truth = g_array_index(sim->truth, uint64_t, i);
    uint64_t off = placed->host_ticks > truth ? placed->host_ticks - truth
                                              : truth - placed->host_ticks;

    if (placed->error_ticks == CLOCK_ERROR_UNKNOWN) {
        outcome->unknown++;
        return;
    }
    if (off > placed->error_ticks) {
        g_error("event %u truly at %" G_GUINT64_FORMAT
                " was placed at %" G_GUINT64_FORMAT " +- %" G_GUINT64_FORMAT,
                i, truth, placed->host_ticks, placed->error_ticks);
    }
    if (placed->error_ticks == 0) {
        outcome->exact++;
    } else {
        outcome->bounded++;
    }
}

static Outcome place_all(const Simulation *sim)
{
    const ClockTrack track = {sim->segments, sim->n_segments};
    ClockPosition position = {.track = &track};
    Outcome outcome = {0};

    for (guint start = 0; start < sim->samples->len; start += PAGE_EVENTS) {
        guint n = MIN(PAGE_EVENTS, sim->samples->len - start);
        guint page = start / PAGE_EVENTS;
        const ClockSample *samples =
            &g_array_index(sim->samples, ClockSample, start);
        ClockNext next = {.exists = page + 1 < sim->page_bases->len};
        ClockPlacement placed[PAGE_EVENTS];

        if (next.exists) {
            next.guest_ticks =
                g_array_index(sim->page_bases, uint64_t, page + 1);
        }
        if (clock_position_is_plain(&position, samples[0].guest_ticks,
                                    samples[n - 1].guest_ticks, &next)) {
            for (guint i = 0; i < n; i++) {
                placed[i] =
                    clock_position_plain(&position, samples[i].guest_ticks);
            }
        } else {
            clock_position_place(&position, samples, n, &next, placed);
        }
        for (guint i = 0; i < n; i++) {
            check_event(sim, start + i, &placed[i], &outcome);
        }
    }
    return outcome;
}

static void test_single(void)
{
    Simulation sim;
    Outcome outcome;

    simulation_init(&sim);
    add_segment(&sim, 0, -1000000);
    run_events(&sim, 2000000, 2100000, 100);
    outcome = place_all(&sim);
    g_assert_cmpuint(outcome.exact, ==, sim.samples->len);
    simulation_clear(&sim);
}

static void test_forward(void)
{
    for (int round = 0; round < 200; round++) {
        Simulation sim;
        Outcome outcome;
        uint64_t at = 2050000 + (uint64_t)g_test_rand_int_range(0, 5000);

        simulation_init(&sim);
        add_segment(&sim, 0, -1000000);
        add_segment(&sim, at, -1000000 + g_test_rand_int_range(1, 1000000));
        run_events(&sim, 2000000, at - 30, 100);
        run_events(&sim, at + 30, at + 50000, 100);
        outcome = place_all(&sim);
        g_assert_cmpuint(outcome.exact, ==, sim.samples->len);
        simulation_clear(&sim);
    }
}

static void test_backward(void)
{
    for (int round = 0; round < 500; round++) {
        Simulation sim;
        Outcome outcome;
        uint64_t at = 2050000 + (uint64_t)g_test_rand_int_range(0, 5000);

        simulation_init(&sim);
        add_segment(&sim, 0, -1000000);
        add_segment(&sim, at, -1000000 - g_test_rand_int_range(500, 1000000));
        run_events(&sim, 2000000, at - 30, 100);
        run_events(&sim, at + 30, at + 50000, 100);
        outcome = place_all(&sim);
        /* Only the rest of one sub-buffer is uncertain, but not lost. */
        g_assert_cmpuint(outcome.unknown, ==, 0);
        g_assert_cmpuint(outcome.bounded, <, PAGE_EVENTS);
        simulation_clear(&sim);
    }
}

/* A guest's kernel that restores TSC_ADJUST makes two changes of one. */
static void test_there_and_back(void)
{
    for (int round = 0; round < 500; round++) {
        Simulation sim;
        Outcome outcome;
        uint64_t at = 2050000 + (uint64_t)g_test_rand_int_range(0, 5000);
        uint64_t restored = at + (uint64_t)g_test_rand_int_range(200, 20000);
        int64_t step = g_test_rand_int_range(500, 1000000);

        if (round % 2) {
            step = -step;
        }
        simulation_init(&sim);
        add_segment(&sim, 0, -1000000);
        add_segment(&sim, at, -1000000 + step);
        add_segment(&sim, restored, -1000000);
        run_events(&sim, 2000000, at - 30, 100);
        run_events(&sim, at + 30, restored - 30, 100);
        run_events(&sim, restored + 30, restored + 50000, 100);
        outcome = place_all(&sim);
        g_assert_cmpuint(outcome.unknown, ==, 0);
        g_assert_cmpuint(outcome.bounded, <, 2 * PAGE_EVENTS);
        simulation_clear(&sim);
    }
}

/* A TCG guest's clock stands still while it is stopped. */
static void test_stopped(void)
{
    Simulation sim;
    Outcome outcome;

    simulation_init(&sim);
    add_segment(&sim, 0, -1000000);
    add_segment(&sim, 2500000, -1000000 - 450000);
    sim.segments[0].to_host_ticks = 2050000;
    run_events(&sim, 2000000, 2050000, 100);
    run_events(&sim, 2500001, 2550000, 100);
    outcome = place_all(&sim);
    /* Two events of one stamp so near to the stop may be a step back. */
    g_assert_cmpuint(outcome.unknown, ==, 0);
    g_assert_cmpuint(outcome.bounded, <, PAGE_EVENTS);
    simulation_clear(&sim);
}

static void test_provenance(void)
{
    ClockProvenance found;

    for (int i = CLOCK_PROVENANCE_QMP; i <= CLOCK_PROVENANCE_GIVEN; i++) {
        const char *name = clock_provenance_name((ClockProvenance)i);

        g_assert_true(clock_provenance_parse(name, &found));
        g_assert_cmpint((int)found, ==, i);
    }
    g_assert_false(clock_provenance_parse("guessed", &found));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clock-track/single", test_single);
    g_test_add_func("/clock-track/forward", test_forward);
    g_test_add_func("/clock-track/backward", test_backward);
    g_test_add_func("/clock-track/there-and-back", test_there_and_back);
    g_test_add_func("/clock-track/stopped", test_stopped);
    g_test_add_func("/clock-track/provenance", test_provenance);
    return g_test_run();
}
