/*
 * TimeRange: which part of a timeline is wanted, as people write it.
 *
 * A time is seconds as they are printed ("58.973710"), with or without a unit
 * ("58.9s", "12ms"), or ticks ("176921130t"; a plain number where no length
 * of a tick is known).  "+1.5s" counts from the first event, "-200us" back
 * from the last one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TIME_RANGE_H
#define TIME_RANGE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "merge/timeline.h"

typedef enum TimePointKind {
    TIME_POINT_NONE,
    TIME_POINT_ABSOLUTE,
    TIME_POINT_AFTER_START,
    TIME_POINT_BEFORE_END,
} TimePointKind;

typedef enum TimePointUnit {
    TIME_POINT_PRINTED, /* no unit: seconds, or ticks if those are printed */
    TIME_POINT_NS,
    TIME_POINT_TICKS,
} TimePointUnit;

typedef struct TimePoint {
    TimePointKind kind;
    TimePointUnit unit;
    uint64_t ns;         /* of NS, and of PRINTED as seconds */
    uint64_t ticks;      /* of TICKS, and of PRINTED without a fraction */
    bool has_fraction;   /* a PRINTED one can't be ticks */
    uint64_t rounded_ns; /* it stands for times that are printed alike */
} TimePoint;

typedef struct TimeRange {
    TimePoint from;
    TimePoint to; /* AFTER_START counts from `from`, if there is one */
    TimePoint around;
    TimePoint span; /* to each side of `around` */
    bool has_head;
    uint64_t head; /* the first events of it */
    bool has_tail;
    uint64_t tail; /* the last ones */
} TimeRange;

/* The error names the text. */
bool time_point_parse(const char *text, TimePoint *point, GError **error);
/* TIME or TIME:SPAN */
bool time_range_parse_around(TimeRange *range, const char *text,
                             GError **error);

/*
 * Moves the timeline of these inputs to where the range begins, and sets where
 * it ends. Reads no more than that needs.
 */
bool time_range_apply(const TimeRange *range, GPtrArray *inputs,
                      Timeline *timeline, GError **error);

/*
 * A sentence for when the range has left no event: where those of the timeline
 * lie, in times that a range takes.  NULL if it is not the range's doing.  The
 * caller's.  Moves the timeline.
 */
char *time_range_empty_text(const TimeRange *range, GPtrArray *inputs,
                            Timeline *timeline);

#endif
