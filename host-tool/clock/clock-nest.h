/*
 * ClockNest: the clocks of a guest's guest, from the outermost host on.
 *
 * A guest's guest has a track that maps its ticks to those of the guest that
 * runs it, and that guest has one that maps them to the host's.  Their
 * composition has a segment for each pair that held at the same time.
 *
 * Pure arithmetic, as clock-map.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CLOCK_NEST_H
#define CLOCK_NEST_H

#include "clock/clock-track.h"

/* Room that the segments of a composition need at most. */
size_t clock_nest_max_segments(const ClockTrack *inner,
                               const ClockTrack *outer);

/*
 * Writes inner after outer, in the order of the host's ticks, and returns the
 * number of segments: 0 if the two never held at the same time, or if either
 * has points instead of segments (clock-track.h).  outer's segments must
 * outlive them.  The errors add up, in ticks of the host.
 */
size_t clock_nest_compose(const ClockTrack *inner, const ClockTrack *outer,
                          ClockSegment *segments);

#endif
