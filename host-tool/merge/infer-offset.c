/*
 * InferOffset: a guest's TSC offset from its vCPUs' windows alone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/infer-offset.h"

#include <inttypes.h>

#include "merge/offset-search.h"
#include "merge/window-list.h"
#include "trace-data/cpu-cursor.h"

/* Guest events kept of each CPU, evenly spread over its recording. */
#define MAX_KEPT_EVENTS 16384
/* Intervals at a time; it gives up where there would be more. */
#define MAX_INTERVALS (1u << 22)
/* This share of the guest's recording may lie outside the windows. */
#define SLACK_DIVISOR 8

typedef struct GuestCpu {
    const GArray *windows; /* of HostWindow */
    GArray *events;        /* of uint64_t */
    uint64_t stride;       /* every so manyth event is kept */
    uint64_t n_seen;
    uint64_t last_event_ticks;
} GuestCpu;

static void cpu_clear(gpointer data)
{
    g_clear_pointer(&((GuestCpu *)data)->events, g_array_unref);
}

/* Halves what is kept. */
static void thin_out(GuestCpu *cpu)
{
    uint64_t *events = (uint64_t *)cpu->events->data;

    for (guint i = 0; i < cpu->events->len / 2; i++) {
        events[i] = events[2 * i];
    }
    g_array_set_size(cpu->events, cpu->events->len / 2);
    cpu->stride *= 2;
}

static void read_events(const TimelineInput *guest, unsigned number,
                        GuestCpu *cpu)
{
    g_autoptr(CpuCursor) cursor = cpu_cursor_new(guest->dat, number, NULL, 0);
    CpuEvent event;

    cpu->stride = 1;
    while (cpu_cursor_next(cursor, &event)) {
        if (cpu->n_seen++ % cpu->stride == 0) {
            g_array_append_val(cpu->events, event.ticks);
            if (cpu->events->len == MAX_KEPT_EVENTS) {
                thin_out(cpu);
            }
        }
        cpu->last_event_ticks = event.ticks;
    }
}

/* Of the CPUs that have events, and windows between what is unknown. */
static GArray *read_all(const GPtrArray *windows, const TimelineInput *guest)
{
    GArray *cpus = g_array_new(FALSE, TRUE, sizeof(GuestCpu));

    g_array_set_clear_func(cpus, cpu_clear);
    for (guint i = 0; i < windows->len && i < guest->dat->cpus->len; i++) {
        GuestCpu cpu = {
            .windows = windows->pdata[i],
            .events = g_array_new(FALSE, FALSE, sizeof(uint64_t)),
        };

        read_events(guest, i, &cpu);
        if (cpu.windows->len > 1 && cpu.events->len > 0) {
            g_array_append_val(cpus, cpu);
        } else {
            cpu_clear(&cpu);
        }
    }
    return cpus;
}

/* What is to be added to host ticks to get the guest's; both ends included. */
typedef struct OffsetRange {
    int64_t low_ticks;
    int64_t high_ticks;
} OffsetRange;

/* All offsets with which most of the guest's recording meets the windows. */
static OffsetRange whole_range(const GArray *cpus)
{
    OffsetRange range = {INT64_MIN, INT64_MAX};

    for (guint i = 0; i < cpus->len; i++) {
        const GuestCpu *cpu = &g_array_index(cpus, GuestCpu, i);
        const HostWindow *windows = (const HostWindow *)cpu->windows->data;
        uint64_t first = g_array_index(cpu->events, uint64_t, 0);
        uint64_t last = cpu->last_event_ticks;
        uint64_t slack = (last - first) / SLACK_DIVISOR;
        uint64_t low = last - windows[cpu->windows->len - 1].from_ticks;
        uint64_t high = first - windows[0].to_ticks;

        range.low_ticks = MAX(range.low_ticks, (int64_t)(low - slack));
        range.high_ticks = MIN(range.high_ticks, (int64_t)(high + slack));
    }
    return range;
}

/*
 * Events far from one another tell most: 0, 1/2, 1/4, 3/4, ... of all, by the
 * reversed bits of a counter.  False where that is no index.
 */
static bool scatter(guint counter, guint bits, guint n, guint *index)
{
    *index = 0;
    for (guint i = 0; i < bits; i++) {
        *index |= (counter >> i & 1) << (bits - 1 - i);
    }
    return *index < n;
}

static guint bits_for(guint n)
{
    guint bits = 0;

    while ((1u << bits) < n) {
        bits++;
    }
    return bits;
}

/* One event of each CPU. */
static void search_step(OffsetSearch *search, const GArray *cpus, guint counter,
                        guint bits)
{
    for (guint i = 0; i < cpus->len; i++) {
        const GuestCpu *cpu = &g_array_index(cpus, GuestCpu, i);
        guint index;

        if (scatter(counter, bits, cpu->events->len, &index)) {
            offset_search_set_windows(search, cpu->windows);
            offset_search_event(search,
                                g_array_index(cpu->events, uint64_t, index));
        }
    }
}

/* Until one event finds nothing left, or there are too many intervals. */
static OffsetBound search_range(const GArray *cpus, const OffsetRange *range)
{
    g_autoptr(OffsetSearch) search =
        offset_search_new(NULL, range->low_ticks,
                          (uint64_t)range->high_ticks -
                              (uint64_t)range->low_ticks);
    guint most = 0, bits;

    for (guint i = 0; i < cpus->len; i++) {
        most = MAX(most, g_array_index(cpus, GuestCpu, i).events->len);
    }
    bits = bits_for(most);
    for (guint n = 0; n < (1u << bits); n++) {
        search_step(search, cpus, n, bits);
        if (offset_search_n_outside(search) > 0 ||
            offset_search_n_intervals(search) > MAX_INTERVALS) {
            break;
        }
    }
    return offset_search_result(search);
}

static bool is_scaled(const TimelineInput *guest)
{
    for (guint i = 0; guest->tracks && i < guest->tracks->len; i++) {
        const ClockTrack *track = guest->tracks->pdata[i];

        if (track && clock_map_is_scaled(&track->segments[0].map)) {
            return true;
        }
    }
    return false;
}

static GPtrArray *read_windows(const TimelineInput *host,
                               const TimelineInput *guest)
{
    const WindowSource source = {
        .dat = host->dat,
        .events = host->events,
        .tracks = host->tracks,
        .shift_ticks = host->shift_ticks,
    };

    return window_list_read(&source, WINDOW_KVM, guest->vcpu_threads);
}

static InferOutcome outcome_of(const OffsetBound *bound)
{
    return bound->n_outside > 0      ? INFER_NONE
           : bound->n_intervals == 1 ? INFER_FOUND
                                     : INFER_AMBIGUOUS;
}

InferredOffset infer_offset(const TimelineInput *host,
                            const TimelineInput *guest)
{
    InferredOffset inferred = {.outcome = INFER_NO_DATA};
    g_autoptr(GPtrArray) windows = read_windows(host, guest);
    g_autoptr(GArray) cpus = read_all(windows, guest);
    OffsetRange range;
    OffsetBound bound;

    if (cpus->len == 0 || is_scaled(guest)) {
        return inferred;
    }
    for (guint i = 0; i < cpus->len; i++) {
        inferred.n_windows += g_array_index(cpus, GuestCpu, i).windows->len;
    }
    range = whole_range(cpus);
    if (range.low_ticks > range.high_ticks) {
        return inferred;
    }
    bound = search_range(cpus, &range);
    inferred.outcome = outcome_of(&bound);
    inferred.low_ticks = bound.offset_ticks - (int64_t)bound.error_ticks;
    inferred.high_ticks = bound.offset_ticks + (int64_t)bound.error_ticks;
    inferred.range_ticks =
        (uint64_t)range.high_ticks - (uint64_t)range.low_ticks + 1;
    inferred.left_ticks = bound.left_ticks;
    inferred.n_intervals = bound.n_intervals;
    inferred.n_events = bound.n_events;
    return inferred;
}

void infer_offset_apply(const InferredOffset *inferred, TimelineInput *guest)
{
    uint64_t width = (uint64_t)(inferred->high_ticks - inferred->low_ticks);
    const ClockSegment segment = {
        .to_host_ticks = UINT64_MAX,
        .map = clock_map_unscaled(inferred->low_ticks + (int64_t)(width / 2)),
        .provenance = CLOCK_PROVENANCE_INFERRED,
    };

    guest->shift_ticks = 0;
    for (guint i = 0; i < guest->vcpu_threads->len; i++) {
        timeline_input_set_track(guest, i, &segment, 1);
    }
}

static double us_of(const TimelineScale *scale, uint64_t ticks)
{
    TimelineScale plain = *scale;

    plain.ns_offset = 0;
    return (double)timeline_scale_apply(&plain, ticks) / 1e3;
}

char *infer_offset_text(const InferredOffset *inferred,
                        const TimelineScale *scale)
{
    switch (inferred->outcome) {
    case INFER_FOUND: {
        uint64_t width = (uint64_t)(inferred->high_ticks - inferred->low_ticks);

        return g_strdup_printf(
            "by its windows alone the TSC offset is %" PRId64 " to %" PRId64
            " ticks (%.1f us wide): the only part of %.0f ms that suits all "
            "of %" PRIu64 " events and %" PRIu64 " windows",
            inferred->low_ticks, inferred->high_ticks, us_of(scale, width),
            us_of(scale, inferred->range_ticks) / 1e3, inferred->n_events,
            inferred->n_windows);
    }
    case INFER_AMBIGUOUS:
        return g_strdup_printf(
            "its windows alone don't tell the TSC offset: %u intervals, "
            "%.1f us together, suit all of %" PRIu64 " events; record longer, "
            "or with more events in the guest",
            inferred->n_intervals, us_of(scale, inferred->left_ticks),
            inferred->n_events);
    case INFER_NONE:
        return g_strdup_printf(
            "no single TSC offset puts all of its events into the windows "
            "(%" PRIu64 " events were enough to tell): the clock was changed "
            "in mid-recording, or host and guest don't belong together",
            inferred->n_events);
    default:
        return g_strdup("its TSC offset can't be inferred: there are no "
                        "kvm_entry and kvm_exit events of its vCPUs, no "
                        "events of the guest, or its TSC is scaled");
    }
}
