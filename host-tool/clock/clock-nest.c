/*
 * ClockNest: the clocks of a guest's guest, from the outermost host on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "clock/clock-nest.h"

/* The ticks of the guest in the middle during which a segment held. */
typedef struct Range {
    uint64_t first;
    uint64_t last;
} Range;

size_t clock_nest_max_segments(const ClockTrack *inner, const ClockTrack *outer)
{
    return inner->n_segments + outer->n_segments;
}

/* Open ends stay open: there, the map itself would wrap around. */
static Range middle_of(const ClockSegment *outer)
{
    Range range = {0, UINT64_MAX};

    if (outer->from_host_ticks > 0) {
        range.first = clock_map_to_guest(&outer->map, outer->from_host_ticks);
    }
    if (outer->to_host_ticks < UINT64_MAX) {
        range.last = clock_map_to_guest(&outer->map, outer->to_host_ticks);
    }
    return range;
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Ticks of the guest in the middle as ticks of its host, rounded up. */
static uint64_t error_on_host(const ClockMap *map, uint64_t error_ticks)
{
    for (; map && error_ticks < UINT64_MAX; map = map->outer) {
        unsigned __int128 scaled = (unsigned __int128)error_ticks
                                   << map->frac_bits;

        if (map->ratio == 0) {
            return UINT64_MAX;
        }
        scaled = (scaled + map->ratio - 1) / map->ratio;
        error_ticks = scaled > UINT64_MAX ? UINT64_MAX : (uint64_t)scaled;
    }
    return error_ticks;
}

static ClockSegment compose_segments(const ClockSegment *inner,
                                     const ClockSegment *outer,
                                     const Range *middle)
{
    ClockSegment segment = {
        .from_host_ticks = outer->from_host_ticks,
        .to_host_ticks = outer->to_host_ticks,
        .map = clock_map_compose(&inner->map, &outer->map),
        .error_ticks = saturating_add(
            outer->error_ticks, error_on_host(&outer->map, inner->error_ticks)),
        .provenance = inner->provenance,
    };

    if (inner->from_host_ticks > middle->first) {
        segment.from_host_ticks =
            clock_map_to_host(&outer->map, inner->from_host_ticks);
    }
    if (inner->to_host_ticks < middle->last) {
        segment.to_host_ticks =
            clock_map_to_host(&outer->map, inner->to_host_ticks + 1) - 1;
    }
    return segment;
}

size_t clock_nest_compose(const ClockTrack *inner, const ClockTrack *outer,
                          ClockSegment *segments)
{
    size_t n = 0;
    size_t k = 0;

    if (inner->n_points > 0 || outer->n_points > 0) {
        return 0;
    }
    for (size_t i = 0; i < outer->n_segments; i++) {
        Range middle = middle_of(&outer->segments[i]);

        while (k < inner->n_segments) {
            const ClockSegment *held = &inner->segments[k];

            if (held->from_host_ticks > middle.last) {
                break;
            }
            if (held->to_host_ticks >= middle.first) {
                segments[n++] =
                    compose_segments(held, &outer->segments[i], &middle);
            }
            if (held->to_host_ticks > middle.last) {
                break; /* it also holds in the next one of outer */
            }
            k++;
        }
        if (k == inner->n_segments) {
            break;
        }
    }
    return n;
}
