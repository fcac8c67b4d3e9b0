/*
 * Timeline: the events of several files in the order in which they happened.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TIMELINE_H
#define TIMELINE_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#include "merge/timeline-event.h"

typedef struct Timeline Timeline;

/*
 * Of what the inputs want.  They stay the caller's and must outlive the
 * timeline.
 */
Timeline *timeline_new(GPtrArray *inputs);
void timeline_free(Timeline *timeline);

/*
 * The next event; at equal ticks, of the file and CPU that come first.  What
 * was lost before events that nobody wants was lost before this one.  Valid
 * until the next call.  False at the end.
 */
bool timeline_next(Timeline *timeline, TimelineEvent *event);

/*
 * The same of some events at once, which costs less; max_events at most.  All
 * of them are valid until the next call.  0 at the end.
 */
size_t timeline_read(Timeline *timeline, TimelineEvent *events,
                     size_t max_events);

/*
 * What events were read from goes to the array, which is the caller's, where
 * it would otherwise be freed: for users of more than one timeline_read().
 * NULL for none.
 */
void timeline_keep(Timeline *timeline, GPtrArray *kept);
/* An array for it, which lets go of what is removed from it. */
GPtrArray *timeline_kept_new(void);

/*
 * Places in the timeline.  Each of these moves it, forward or back, so that
 * timeline_next() goes on from there; events that were handed out before are
 * no longer valid.  Only the pages around the place are read, found by their
 * time stamps, except for a vCPU whose clock was changed in mid-recording:
 * its pages up to the place are all read, as each one's clock follows from
 * those before.  A place behind the end leaves no event, one before the
 * beginning all of them.
 */

/* To the first event whose `time` is at or after this one. */
void timeline_seek(Timeline *timeline, uint64_t time);
/* The same by line_ticks: exact where `time` is rounded nanoseconds. */
void timeline_seek_ticks(Timeline *timeline, uint64_t line_ticks);
/* So that the last n_events (fewer if there are fewer) are left. */
void timeline_seek_last(Timeline *timeline, uint64_t n_events);
/* Back to the first event. */
void timeline_rewind(Timeline *timeline);

/*
 * Where it ends: no event after this is handed out or counted by
 * timeline_seek_last().  Holds until it is set again; timeline_span() doesn't
 * heed it.
 */
void timeline_set_end(Timeline *timeline, uint64_t time);
/* The same by line_ticks; the inputs must count the same ticks. */
void timeline_set_end_ticks(Timeline *timeline, uint64_t line_ticks);
/* timeline_next() hands out so many events more. */
void timeline_set_limit(Timeline *timeline, uint64_t n_events);

/* Do all inputs' ticks become times alike? */
bool timeline_has_one_scale(const Timeline *timeline);

/*
 * The first and the last event, for times relative to the recording's ends.
 * False when there is no event.  Leaves the timeline at its beginning.
 */
typedef struct TimelineSpan {
    uint64_t first_time; /* as TimelineEvent's time */
    uint64_t last_time;
    uint64_t first_line_ticks;
    uint64_t last_line_ticks;
} TimelineSpan;

bool timeline_span(Timeline *timeline, TimelineSpan *span);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Timeline, timeline_free)

#endif
