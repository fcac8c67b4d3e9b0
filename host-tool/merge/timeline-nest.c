/*
 * Nested inputs: a guest's guest on the line of the outermost host.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/timeline-nest.h"

#include <gio/gio.h>

#include "clock/clock-nest.h"

static const ClockTrack *track_at(const TimelineInput *input, guint cpu)
{
    return input->tracks && cpu < input->tracks->len ? input->tracks->pdata[cpu]
                                                     : NULL;
}

static bool same_segments(const ClockTrack *a, const ClockTrack *b)
{
    if (a->n_segments != b->n_segments) {
        return false;
    }
    for (size_t i = 0; i < a->n_segments; i++) {
        if (a->segments[i].from_host_ticks != b->segments[i].from_host_ticks ||
            !clock_map_equal(&a->segments[i].map, &b->segments[i].map)) {
            return false;
        }
    }
    return true;
}

/*
 * How far two of a machine's CPUs are apart: its guest's threads may have run
 * on either.  Clocks that were changed differently are not compared.
 */
static uint64_t distance(const ClockTrack *a, const ClockTrack *b)
{
    uint64_t most = 0;

    if (same_segments(a, b)) {
        return 0;
    }
    if (a->n_segments != b->n_segments) {
        return CLOCK_ERROR_UNKNOWN;
    }
    for (size_t i = 0; i < a->n_segments; i++) {
        uint64_t host =
            MAX(a->segments[i].from_host_ticks, b->segments[i].from_host_ticks);
        int64_t apart =
            (int64_t)(clock_map_to_guest(&a->segments[i].map, host) -
                      clock_map_to_guest(&b->segments[i].map, host));

        most = MAX(most, apart < 0 ? -(uint64_t)apart : (uint64_t)apart);
    }
    return most;
}

/* The clock of the machine as a whole: its first CPU's, and its error. */
static const ClockTrack *machine_track(const TimelineInput *host,
                                       uint64_t *error_ticks)
{
    const ClockTrack *first = NULL;

    *error_ticks = 0;
    for (guint cpu = 0; host->tracks && cpu < host->tracks->len; cpu++) {
        const ClockTrack *track = track_at(host, cpu);

        if (track && !first) {
            first = track;
        } else if (track) {
            *error_ticks = MAX(*error_ticks, distance(first, track));
        }
    }
    return first;
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static bool nest_cpu(TimelineInput *guest, guint cpu, const ClockTrack *outer,
                     uint64_t error_ticks)
{
    const ClockTrack *inner = track_at(guest, cpu);
    g_autofree ClockSegment *segments = NULL;
    size_t n;

    if (!inner) {
        return true;
    }
    segments = g_new0(ClockSegment, clock_nest_max_segments(inner, outer));
    n = clock_nest_compose(inner, outer, segments);
    for (size_t i = 0; i < n; i++) {
        segments[i].error_ticks =
            saturating_add(segments[i].error_ticks, error_ticks);
    }
    if (n > 0) {
        timeline_input_set_track(guest, cpu, segments, n);
    }
    return n > 0;
}

bool timeline_input_nest(TimelineInput *guest, const TimelineInput *host,
                         GError **error)
{
    uint64_t error_ticks;
    const ClockTrack *outer = machine_track(host, &error_ticks);

    guest->scale = host->scale;
    guest->shift_ticks =
        (int64_t)((uint64_t)guest->shift_ticks + (uint64_t)host->shift_ticks);
    for (guint cpu = 0; outer && guest->tracks && cpu < guest->tracks->len;
         cpu++) {
        if (!nest_cpu(guest, cpu, outer, error_ticks)) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                        "%s: the clock of its CPU %u cannot be put on that of "
                        "%s: they never held at the same time, or were only "
                        "measured in points",
                        guest->label, cpu, host->label);
            return false;
        }
    }
    return true;
}

typedef struct Nesting {
    GPtrArray *inputs;
    const TimelineInput *const *parents;
    bool *done;
    bool *in_hand;
} Nesting;

static guint index_of(GPtrArray *inputs, const TimelineInput *input)
{
    guint index = 0;

    g_ptr_array_find(inputs, input, &index);
    return index;
}

static bool nest_one(Nesting *nesting, guint i, GError **error)
{
    TimelineInput *input = nesting->inputs->pdata[i];
    const TimelineInput *parent = nesting->parents[i];

    if (nesting->done[i] || !parent) {
        return true;
    }
    if (nesting->in_hand[i]) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                    "%s: its clock is said to follow from its own guest's",
                    input->label);
        return false;
    }
    nesting->in_hand[i] = true;
    if (!nest_one(nesting, index_of(nesting->inputs, parent), error) ||
        !timeline_input_nest(input, parent, error)) {
        return false;
    }
    nesting->done[i] = true;
    return true;
}

bool timeline_inputs_nest(GPtrArray *inputs,
                          const TimelineInput *const *parents, GError **error)
{
    g_autofree bool *done = g_new0(bool, inputs->len + 1);
    g_autofree bool *in_hand = g_new0(bool, inputs->len + 1);
    Nesting nesting = {inputs, parents, done, in_hand};

    for (guint i = 0; i < inputs->len; i++) {
        if (!nest_one(&nesting, i, error)) {
            return false;
        }
    }
    return true;
}

void timeline_input_copy_clocks(TimelineInput *input, const TimelineInput *twin)
{
    for (guint cpu = 0; twin->tracks && cpu < twin->tracks->len; cpu++) {
        const ClockTrack *track = track_at(twin, cpu);

        if (track) {
            timeline_input_set_track(input, cpu, track->segments,
                                     track->n_segments);
        }
    }
    g_clear_pointer(&input->vcpu_threads, g_array_unref);
    input->vcpu_threads =
        twin->vcpu_threads ? g_array_ref(twin->vcpu_threads) : NULL;
    input->host = twin->host;
    input->scale = twin->scale;
    input->shift_ticks = twin->shift_ticks;
}
