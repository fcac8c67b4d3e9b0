/*
 * TimelineAhead: a timeline that a thread of its own goes through, some blocks
 * ahead, for users that do a lot with each event.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TIMELINE_AHEAD_H
#define TIMELINE_AHEAD_H

#include "merge/timeline.h"

typedef struct TimelineAhead TimelineAhead;

/* For what else the thread is to do with each event, in their order. */
typedef void (*TimelineAheadHook)(const TimelineEvent *event, void *data);

/*
 * From where the timeline is to its end.  It stays the caller's, who leaves it
 * and the inputs' files alone until timeline_ahead_free(); so does whatever
 * the hook uses, which may be NULL.
 */
TimelineAhead *timeline_ahead_new(Timeline *timeline, TimelineAheadHook hook,
                                  void *data);
/* Waits for the thread, which ends soon. */
void timeline_ahead_free(TimelineAhead *ahead);

/*
 * The next events and how many; NULL at the end, when the hook has seen all
 * of them.  Valid until the next call.
 */
const TimelineEvent *timeline_ahead_next(TimelineAhead *ahead,
                                         size_t *n_events);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TimelineAhead, timeline_ahead_free)

#endif
