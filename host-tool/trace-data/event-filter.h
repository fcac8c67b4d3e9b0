/*
 * EventFilter: which events of one file are wanted.
 *
 * Made once from filter expressions and names, then asked for every record:
 * each event type has its own small compiled condition, or a fixed answer.
 * Records may be hostile: a field that lies outside of one reads as 0, a
 * string as far as the record goes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef EVENT_FILTER_H
#define EVENT_FILTER_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace-data/event-table.h"
#include "trace-data/filter-expression.h"

typedef struct EventFilter EventFilter;

typedef enum EventFilterSense {
    EVENT_FILTER_SHOW, /* an event must meet one of these, if there are any */
    EVENT_FILTER_HIDE, /* and none of these */
} EventFilterSense;

/* What one CPU's events so far mean for the next; starts as all 0. */
typedef struct EventFilterState {
    bool has_last;
    bool showed_last;
} EventFilterState;

/* Wants everything.  The table must outlive the filter. */
EventFilter *event_filter_new(EventTable *table);
void event_filter_free(EventFilter *filter);

/*
 * Adds a condition; the expression must outlive the filter.  Marks the names
 * in it that this file knows.
 */
void event_filter_add(EventFilter *filter, FilterExpression *expression,
                      EventFilterSense sense);

/*
 * Restricts it to events that one of the NULL-terminated patterns names:
 * SYSTEM/EVENT or SYSTEM:EVENT, SYSTEM, or EVENT, with * and ? in each.  Sets
 * matched[i] for every pattern that names one.
 */
void event_filter_require_events(EventFilter *filter,
                                 const char *const *patterns, bool *matched);

/*
 * Restricts it to events of tasks with one of these ids, or that name one as
 * their field pid or next_pid.  Called again, both sets must be met.
 */
void event_filter_require_pids(EventFilter *filter, const int32_t *pids,
                               size_t n_pids);

/*
 * A stack trace is wanted if the event before it on its CPU was, unless a
 * filter hides it.
 */
bool event_filter_match(const EventFilter *filter, EventFilterState *state,
                        unsigned cpu, const uint8_t *data, size_t size_bytes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EventFilter, event_filter_free)

#endif
