/*
 * ClockTrack: which of a vCPU's clock maps holds where in its ring buffer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "clock/clock-track.h"

#include <string.h>

static const char *const provenance_names[] = {
    [CLOCK_PROVENANCE_QMP] = "qmp",
    [CLOCK_PROVENANCE_DEBUGFS] = "debugfs",
    [CLOCK_PROVENANCE_TRACE] = "trace",
    [CLOCK_PROVENANCE_INFERRED] = "inferred",
    [CLOCK_PROVENANCE_GIVEN] = "given",
};

#define N_PROVENANCES (sizeof(provenance_names) / sizeof(provenance_names[0]))

const char *clock_provenance_name(ClockProvenance provenance)
{
    return (size_t)provenance < N_PROVENANCES ? provenance_names[provenance]
                                              : "unknown";
}

bool clock_provenance_parse(const char *name, ClockProvenance *provenance)
{
    for (size_t i = 0; i < N_PROVENANCES; i++) {
        if (strcmp(name, provenance_names[i]) == 0) {
            *provenance = (ClockProvenance)i;
            return true;
        }
    }
    return false;
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
    uint64_t sum = a + b;

    return sum < a ? UINT64_MAX : sum;
}

static const ClockSegment *segment_at(const ClockPosition *position)
{
    return &position->track->segments[position->segment];
}

/* The segment's own uncertainty blurs its ends just as it blurs its events. */
static bool is_after(const ClockSegment *segment, uint64_t host_ticks,
                     uint64_t slack)
{
    uint64_t end = saturating_add(segment->to_host_ticks, segment->error_ticks);

    return host_ticks > saturating_add(end, slack);
}

static bool is_before(const ClockSegment *segment, uint64_t host_ticks,
                      uint64_t slack)
{
    uint64_t host = saturating_add(host_ticks, segment->error_ticks);

    return saturating_add(host, slack) < segment->from_host_ticks;
}

static uint64_t host_of(const ClockSegment *segment, uint64_t guest_ticks)
{
    return clock_map_to_host(&segment->map, guest_ticks);
}

static bool fits(const ClockSegment *segment, uint64_t guest_ticks,
                 uint64_t slack)
{
    uint64_t host = host_of(segment, guest_ticks);

    return !is_after(segment, host, slack) && !is_before(segment, host, slack);
}

bool clock_position_is_plain(const ClockPosition *position, uint64_t first,
                             uint64_t last, const ClockNeighbours *around)
{
    if (position->stale) {
        return false;
    }
    if (position->segment + 1 == position->track->n_segments &&
        position->segment == 0) {
        return true;
    }
    return fits(segment_at(position), first, 0) &&
           fits(segment_at(position), last, 0) &&
           !(around->has_next &&
             around->next_guest_ticks < around->base_last_ticks);
}

ClockPlacement clock_position_plain(const ClockPosition *position,
                                    uint64_t guest_ticks)
{
    const ClockSegment *segment = segment_at(position);

    return (ClockPlacement){
        .host_ticks = host_of(segment, guest_ticks),
        .error_ticks = segment->error_ticks,
    };
}

/* The first segment from `from` on that can have shown these ticks. */
static size_t find_segment(const ClockTrack *track, size_t from,
                           uint64_t guest_ticks, uint64_t slack)
{
    size_t i;

    for (i = from; i < track->n_segments; i++) {
        if (fits(&track->segments[i], guest_ticks, slack)) {
            break;
        }
    }
    return i;
}

static ClockPlacement place_unknown(const ClockPosition *position,
                                    uint64_t guest_ticks)
{
    return (ClockPlacement){
        .host_ticks = host_of(segment_at(position), guest_ticks),
        .error_ticks = CLOCK_ERROR_UNKNOWN,
    };
}

/*
 * Places one event by the segment that holds, or by a later one.  False when
 * none of them can have shown these ticks.
 */
static bool place_one(ClockPosition *position, uint64_t guest_ticks,
                      ClockPlacement *placement)
{
    uint64_t ticks = guest_ticks - position->skew_ticks;
    uint64_t slack = position->stale ? position->error_ticks : 0;
    size_t i = find_segment(position->track, position->segment, ticks, slack);
    const ClockSegment *segment;

    if (i == position->track->n_segments) {
        return false;
    }
    position->segment = i;
    segment = segment_at(position);
    placement->host_ticks = host_of(segment, ticks);
    placement->error_ticks =
        saturating_add(segment->error_ticks, position->error_ticks);
    return true;
}

/*
 * The last zero-delta event in [from, to], or `none` when there is none.  A
 * sub-buffer's first event counts from its own base and says nothing.
 */
static size_t last_zero_delta(const ClockSample *samples, size_t from,
                              size_t to, size_t none)
{
    for (size_t i = to + 1; i-- > from;) {
        if (i > 0 && samples[i].zero_delta) {
            return i;
        }
    }
    return none;
}

/*
 * The step back happened before samples[step].  The event's true host tick
 * is not before the new segment's start, and not later than what the next
 * sub-buffer's own base leaves for the events in between.
 */
static void enter_stale_base(ClockPosition *position,
                             const ClockSample *samples, size_t step,
                             const ClockNeighbours *around)
{
    const ClockTrack *track = position->track;
    const ClockSegment *segment;
    uint64_t low, high, middle;

    position->segment++;
    segment = segment_at(position);
    low = high = segment->from_host_ticks;
    if (around->has_next) {
        size_t next =
            find_segment(track, position->segment, around->next_guest_ticks, 0);
        const ClockSegment *last =
            &track->segments[next < track->n_segments ? next
                                                      : position->segment];
        /* Later forward steps in this sub-buffer are part of its deltas. */
        uint64_t jumps = (uint64_t)last->map.offset_ticks -
                         (uint64_t)segment->map.offset_ticks;
        uint64_t elapsed =
            around->base_last_ticks - samples[step].guest_ticks - jumps;

        high = host_of(last, around->next_guest_ticks) - elapsed;
    } else if (segment->to_host_ticks != UINT64_MAX) {
        high = segment->to_host_ticks;
    }
    if (high < low) {
        high = low;
    }
    middle = low + (high - low) / 2;
    position->stale = true;
    position->error_ticks =
        around->has_next ? high - low - (high - low) / 2 : CLOCK_ERROR_UNKNOWN;
    position->skew_ticks =
        samples[step].guest_ticks - clock_map_to_guest(&segment->map, middle);
}

/*
 * A clock that steps back can't show in the deltas of one sub-buffer.  So a
 * later segment with a smaller offset that fits from samples[at] on began
 * before: at an event whose delta was clamped to 0, or else with the page.
 */
static size_t resolve_overlap(ClockPosition *position,
                              const ClockSample *samples, size_t start,
                              size_t at, size_t found)
{
    size_t step = last_zero_delta(samples, start, at, at);

    if (step == at && start == 0 &&
        fits(&position->track->segments[found], samples[0].guest_ticks, 0)) {
        position->segment = found;
    }
    return step;
}

static bool steps_back(const ClockTrack *track, size_t from, size_t to)
{
    return track->segments[to].map.offset_ticks <
           track->segments[from].map.offset_ticks;
}

/*
 * The index of the first event after a step back that this sub-buffer hides,
 * or n_samples.  Two things betray one: an event later than its segment's
 * end that only an earlier clock explains, or a next sub-buffer that starts
 * before this one ends.
 */
static size_t find_step_back(ClockPosition *position,
                             const ClockSample *samples, size_t n_samples,
                             const ClockNeighbours *around)
{
    const ClockTrack *track = position->track;
    size_t segment = position->segment;
    size_t start = 0;

    for (size_t i = 0; i < n_samples; i++) {
        size_t found = find_segment(track, segment, samples[i].guest_ticks, 0);

        if (found == track->n_segments) {
            return last_zero_delta(samples, start, i, i);
        }
        if (found != segment) {
            if (i > 0 && steps_back(track, segment, found)) {
                size_t step =
                    resolve_overlap(position, samples, start, i, found);

                if (step != i) {
                    return step;
                }
            }
            segment = found;
            start = i;
        }
    }
    if (segment + 1 < track->n_segments && around->has_next &&
        around->next_guest_ticks < around->base_last_ticks) {
        return last_zero_delta(samples, start, n_samples - 1, n_samples);
    }
    return n_samples;
}

/* A page with a base of its own ends a stale one, and may start later. */
static void start_page(ClockPosition *position, const ClockSample *samples,
                       const ClockNeighbours *around)
{
    size_t found;

    if (around->continues) {
        return;
    }
    position->stale = false;
    position->skew_ticks = 0;
    position->error_ticks = 0;
    found = find_segment(position->track, position->segment,
                         samples[0].guest_ticks, 0);
    if (found < position->track->n_segments) {
        position->segment = found;
    }
}

void clock_position_place(ClockPosition *position, const ClockSample *samples,
                          size_t n_samples, const ClockNeighbours *around,
                          ClockPlacement *placements)
{
    size_t step = n_samples;

    if (n_samples == 0) {
        return;
    }
    start_page(position, samples, around);
    if (!position->stale) {
        step = find_step_back(position, samples, n_samples, around);
    }
    for (size_t i = 0; i < n_samples; i++) {
        if (i == step && position->segment + 1 < position->track->n_segments) {
            enter_stale_base(position, samples, step, around);
        }
        if (!place_one(position, samples[i].guest_ticks, &placements[i])) {
            placements[i] = place_unknown(position, samples[i].guest_ticks);
        }
    }
    if (!position->stale && around->has_next &&
        around->next_guest_ticks < around->base_last_ticks &&
        position->segment + 1 < position->track->n_segments) {
        /* The step fell between this sub-buffer and the next. */
        position->segment++;
    }
}
