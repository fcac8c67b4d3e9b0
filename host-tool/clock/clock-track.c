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
                             uint64_t last, const ClockNext *next)
{
    if (position->track->n_segments == 1) {
        return true;
    }
    return fits(segment_at(position), first, 0) &&
           fits(segment_at(position), last, 0) &&
           (!next->exists ||
            (next->guest_ticks >= last &&
             fits(segment_at(position), next->guest_ticks, 0)));
}

/* The last point at or before guest_ticks that another one follows, or 0. */
static size_t find_point(const ClockPoint *points, size_t n_points,
                         uint64_t guest_ticks)
{
    size_t low = 0, high = n_points - 1;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (points[middle].guest_ticks <= guest_ticks) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

uint64_t clock_points_to_host(const ClockPoint *points, size_t n_points,
                              uint64_t guest_ticks)
{
    const ClockPoint *from = &points[find_point(points, n_points, guest_ticks)];
    const ClockPoint *to = from + 1;
    __int128 span = (__int128)to->guest_ticks - from->guest_ticks;
    __int128 gone = (__int128)guest_ticks - from->guest_ticks;
    __int128 drift = (__int128)to->offset_ticks - from->offset_ticks;

    return guest_ticks + (uint64_t)from->offset_ticks +
           (uint64_t)((gone * drift + span / 2) / span);
}

ClockPlacement clock_position_plain(const ClockPosition *position,
                                    uint64_t guest_ticks)
{
    const ClockTrack *track = position->track;
    const ClockSegment *segment = segment_at(position);

    return (ClockPlacement){
        .host_ticks = track->n_points >= 2
                          ? clock_points_to_host(track->points, track->n_points,
                                                 guest_ticks)
                          : host_of(segment, guest_ticks),
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

/* What the ticks after a step back are off by, as far as it can be told. */
typedef struct StaleBase {
    uint64_t skew_ticks; /* to be subtracted */
    uint64_t error_ticks;
} StaleBase;

/*
 * Places one event by the segment that holds, or by a later one; by none if
 * no segment can have shown these ticks.
 */
static ClockPlacement place_one(ClockPosition *position, const StaleBase *stale,
                                uint64_t guest_ticks)
{
    uint64_t ticks = guest_ticks - stale->skew_ticks;
    size_t i = find_segment(position->track, position->segment, ticks,
                            stale->error_ticks);
    ClockPlacement placement = {.error_ticks = CLOCK_ERROR_UNKNOWN};

    if (i < position->track->n_segments) {
        position->segment = i;
        placement.error_ticks =
            saturating_add(segment_at(position)->error_ticks,
                           stale->error_ticks);
    }
    placement.host_ticks = host_of(segment_at(position), ticks);
    return placement;
}

static bool next_is_earlier(const ClockSample *samples, size_t n_samples,
                            const ClockNext *next)
{
    return next->exists &&
           next->guest_ticks < samples[n_samples - 1].guest_ticks;
}

/* How far the guest's ticks jump from one segment to a later one. */
static uint64_t jump_ticks(const ClockTrack *track, size_t from, size_t to)
{
    uint64_t host = track->segments[to].from_host_ticks;

    /* Both maps at one tick: offsets alone don't tell it of nested clocks. */
    return clock_map_to_guest(&track->segments[to].map, host) -
           clock_map_to_guest(&track->segments[from].map, host);
}

static bool steps_back(const ClockTrack *track, size_t from, size_t to)
{
    return (int64_t)jump_ticks(track, from, to) < 0;
}

/* Is one of the steps on the way from one segment to a later one back? */
static bool passes_step_back(const ClockTrack *track, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (steps_back(track, i, i + 1)) {
            return true;
        }
    }
    return false;
}

/* The events of one base, and what follows it. */
typedef struct Base {
    const ClockTrack *track;
    const ClockSample *samples;
    size_t n_samples;
    const ClockNext *next;
    bool hides_step; /* its ticks run past the next base's stamp */
} Base;

/*
 * The latest host tick at which samples[step] can have happened, as the first
 * event of a segment: what the next base leaves for the events in between.
 */
static uint64_t latest_step(const Base *base, size_t segment, size_t step)
{
    const ClockTrack *track = base->track;
    uint64_t next_ticks = base->next->guest_ticks;
    size_t found = find_segment(track, segment, next_ticks, 0);
    size_t last = found < track->n_segments ? found : segment;
    /* Steps forward after this one are part of the deltas. */
    uint64_t jumps = jump_ticks(track, segment, last);
    uint64_t elapsed = base->samples[base->n_samples - 1].guest_ticks -
                       base->samples[step].guest_ticks - jumps;

    /* Elapsed are guest ticks, which may be faster or slower than host's. */
    return host_of(&track->segments[last], next_ticks - elapsed);
}

/* Where a clock stepped back inside of a base, hidden by a delta of 0. */
typedef struct StepBack {
    size_t at;    /* the first event after it; n_samples if there is none */
    bool certain; /* else an event without a step looks just the same */
} StepBack;

/* Is there room between the step out of a segment and the next base? */
static bool may_be_step(const Base *base, size_t segment, size_t i)
{
    if (base->samples[i].hint == CLOCK_STEP_NONE) {
        return false;
    }
    return !base->next->exists ||
           latest_step(base, segment + 1, i) >=
               base->track->segments[segment + 1].from_host_ticks;
}

/*
 * The step out of a segment, among the events in [from, to]: at the first of
 * those with the strongest hint, so that nothing before it is in doubt.
 */
static StepBack likeliest_step(const Base *base, size_t segment, size_t from,
                               size_t to, size_t none)
{
    ClockStepHint strongest = CLOCK_STEP_NONE;
    StepBack step = {.at = none, .certain = true};

    for (size_t i = from; i <= to; i++) {
        ClockStepHint hint = base->samples[i].hint;

        if (hint < strongest || !may_be_step(base, segment, i)) {
            continue;
        }
        if (hint > strongest) {
            strongest = hint;
            step.at = i;
            step.certain = hint == CLOCK_STEP_ZERO_EXTEND;
        } else {
            step.certain = false;
        }
    }
    return step;
}

/* The clock stepped back before an event: a new segment, a stale base. */
static StaleBase step_back(ClockPosition *position, const Base *base,
                           const StepBack *step)
{
    uint64_t ticks = base->samples[step->at].guest_ticks;
    uint64_t unstepped = host_of(segment_at(position), ticks);
    const ClockSegment *segment;
    StaleBase stale = {.error_ticks = CLOCK_ERROR_UNKNOWN};
    uint64_t low, high, middle;

    position->segment++;
    segment = segment_at(position);
    low = high = segment->from_host_ticks;
    if (base->next->exists) {
        high = latest_step(base, position->segment, step->at);
        high = high < low ? low : high;
        if (!step->certain && unstepped < low) {
            low = unstepped;
        }
        stale.error_ticks = high - low - (high - low) / 2;
    }
    middle = low + (high - low) / 2;
    stale.skew_ticks = ticks - clock_map_to_guest(&segment->map, middle);
    return stale;
}

/*
 * A clock that steps back can't show in the deltas of one base.  So where
 * samples[at] only fits a later segment with a step back before it, that began
 * earlier: at an event whose delta was clamped to 0, or else with the base.
 */
static StepBack resolve_overlap(ClockPosition *position, const Base *base,
                                size_t segment, size_t start, size_t at,
                                size_t found)
{
    StepBack step = likeliest_step(base, segment, start, at, at);

    if (step.at == at && start == 0 &&
        steps_back(base->track, segment, found) &&
        fits(&base->track->segments[found], base->samples[0].guest_ticks, 0)) {
        position->segment = found;
    }
    return step;
}

/*
 * The first event after a step back that this base hides.  Three things betray
 * one: an event later than its segment's end that only an earlier clock
 * explains; a next base that starts before this one ends, which is all that a
 * clock shows that came back to where it was, as its step forward looks like a
 * silence; and a clamped delta where the next base lies behind a step back.
 */
static StepBack find_step_back(ClockPosition *position, const Base *base)
{
    const ClockTrack *track = base->track;
    const StepBack nowhere = {.at = base->n_samples, .certain = true};
    size_t segment = position->segment;
    size_t start = 0, found;

    for (size_t i = 0; i < base->n_samples; i++) {
        found = find_segment(track, segment, base->samples[i].guest_ticks, 0);
        if (found == track->n_segments) {
            return segment + 1 < track->n_segments
                       ? likeliest_step(base, segment, start, i, i)
                       : nowhere;
        }
        if (found != segment) {
            if (i > 0 && passes_step_back(track, segment, found)) {
                StepBack step =
                    resolve_overlap(position, base, segment, start, i, found);

                if (step.at != i) {
                    return step;
                }
            }
            segment = found;
            start = i;
        }
    }
    if (segment + 1 == track->n_segments || !base->next->exists) {
        return nowhere;
    }
    found = find_segment(track, segment, base->next->guest_ticks, 0);
    if (base->hides_step || (found < track->n_segments &&
                             passes_step_back(track, segment, found))) {
        return likeliest_step(base, segment, start, base->n_samples - 1,
                              base->n_samples);
    }
    return nowhere;
}

void clock_position_place(ClockPosition *position, const ClockSample *samples,
                          size_t n_samples, const ClockNext *next,
                          ClockPlacement *placements)
{
    const ClockTrack *track = position->track;
    const Base base = {
        .track = track,
        .samples = samples,
        .n_samples = n_samples,
        .next = next,
        .hides_step = n_samples && next_is_earlier(samples, n_samples, next),
    };
    StaleBase stale = {0};
    bool stepped = false;
    size_t found;
    StepBack step;

    if (n_samples == 0) {
        return;
    }
    /* The clock may have changed between two bases. */
    found = find_segment(track, position->segment, samples[0].guest_ticks, 0);
    if (found < track->n_segments) {
        position->segment = found;
    }
    step = find_step_back(position, &base);
    for (size_t i = 0; i < n_samples; i++) {
        if (i == step.at && position->segment + 1 < track->n_segments) {
            stale = step_back(position, &base, &step);
            stepped = true;
        }
        placements[i] = place_one(position, &stale, samples[i].guest_ticks);
    }
    if (!stepped && position->segment + 1 < track->n_segments &&
        base.hides_step) {
        /* The step fell between this base and the next. */
        position->segment++;
    }
}
