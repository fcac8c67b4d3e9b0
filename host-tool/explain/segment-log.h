/*
 * SegmentLog: the recent history of one vCPU, as segments of one cause each
 * that follow one another without gap or overlap.
 *
 * Bounded: the oldest segments are forgotten.  Whatever part of an interval
 * it is asked for, the segments that it gives cover it exactly.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SEGMENT_LOG_H
#define SEGMENT_LOG_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "explain/cause.h"

/* A piece of an interval: [from, to). */
typedef struct Segment {
    uint64_t from_ticks;
    uint64_t to_ticks;
    Cause cause;
} Segment;

typedef struct SegmentLog SegmentLog;

/* Remembers at least the last capacity segments (rounded up to 2^n). */
SegmentLog *segment_log_new(size_t capacity);
void segment_log_free(SegmentLog *log);

/*
 * From ticks on the cause is this one.  ticks must not go back.  Returns the
 * length of the segment that ended, whose cause goes to *ended; 0 if none.
 */
uint64_t segment_log_add(SegmentLog *log, uint64_t ticks, Cause cause,
                         Cause *ended);

/* CAUSE_UNKNOWN before the first. */
Cause segment_log_last(const SegmentLog *log);

/*
 * What was recent_kind in [from, to) of the last few segments becomes cause:
 * what a state was is sometimes told only at its end.
 */
void segment_log_retell(SegmentLog *log, uint64_t from, uint64_t to,
                        CauseKind recent_kind, Cause cause);

/*
 * The next segment that nothing can change any more, each of them once, in
 * order.  With the history at its end, all that is left: the last one ends at
 * end_ticks.  False when there is none yet.
 */
bool segment_log_take(SegmentLog *log, bool at_end, uint64_t end_ticks,
                      Segment *segment);

/*
 * Calls visit for each piece of [from, to) in order; the last known cause
 * goes on to the end.  What is no longer or not yet known is CAUSE_UNKNOWN.
 */
typedef void (*SegmentVisit)(const Segment *segment, void *data);
void segment_log_visit(const SegmentLog *log, uint64_t from, uint64_t to,
                       SegmentVisit visit, void *data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SegmentLog, segment_log_free)

#endif
