/*
 * EventText: lines of text one at a time, for who prints a few of them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef EVENT_TEXT_H
#define EVENT_TEXT_H

#include <stdint.h>
#include <glib.h>

#include "trace-data/event-line.h"

/* What the lines so far told, of any number of files. */
typedef struct EventText EventText;

EventText *event_text_new(void);
void event_text_free(EventText *text);

/*
 * Appends one record of table's file to line, as event_line_print() has it.
 * Records must come in the order of printing; see event-line.h.  data is
 * needed only during the call.
 */
void event_text_append(EventText *text, EventTable *table, GString *line,
                       const EventTextStyle *style, unsigned cpu, uint64_t time,
                       const uint8_t *data, size_t size_bytes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EventText, event_text_free)

#endif
