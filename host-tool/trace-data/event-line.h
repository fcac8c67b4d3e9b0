/*
 * EventLine: one record as a line of text, in `trace-cmd report`'s layout.
 *
 * Printing has two steps.  event_order_add() takes the records in the order
 * in which they are printed, from one thread, as a line shows what earlier
 * ones told: the names of tasks, which function called which.  It is cheap.
 * event_line_print() does the rest, for any record, from any thread.
 *
 * The text is libtraceevent's, byte for byte, but made by programs that were
 * compiled once for each event type; what they don't cover goes through
 * libtraceevent, one thread at a time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef EVENT_LINE_H
#define EVENT_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#include "trace-data/event-table.h"
#include "trace-data/print-text.h"

/* How a line is written. */
typedef struct EventTextStyle {
    bool has_ns;     /* time is nanoseconds and printed as seconds */
    bool full_ns;    /* with 9 digits instead of 6 */
    bool latency;    /* trace-cmd's -l: a short name, flags beside the CPU */
    bool no_flags;   /* no column of flags: trace-cmd up to 3.1 */
    bool raw;        /* trace-cmd's -R: each field's value */
    bool by_library; /* libtraceevent's own text, to compare with */
} EventTextStyle;

/* One record to print.  All but the first four are event_order_add()'s. */
typedef struct EventLine {
    const uint8_t *data; /* must stay until it is printed */
    uint32_t size_bytes;
    uint32_t cpu;
    uint64_t time;

    EventTable *table;
    const struct EventPrinter *printer;
    const struct CommName *comm;
    uint32_t indent;     /* of a function, in calls */
    uint32_t leaf_bytes; /* of the record at leaf */
    const uint8_t *leaf; /* its own return, printed in the same line, or NULL */
} EventLine;

/* What is common to all that is printed; makes no sense across outputs. */
typedef struct EventOrder EventOrder;

EventOrder *event_order_new(void);
void event_order_free(EventOrder *order);

/*
 * Takes no names of tasks from events any more, only those that a file lists:
 * trace-cmd's -R runs none of the handlers that learn them.
 */
void event_order_learn_nothing(EventOrder *order);

/* The record is one of table's file. */
void event_order_add(EventOrder *order, EventTable *table, EventLine *line);

/*
 * A function graph's entry and return are one line when the return is the
 * next record of the same file, on the same CPU.  The caller looks for it and
 * sets entry's leaf.
 */
bool event_line_is_graph_entry(const EventLine *line);
bool event_line_is_its_return(const EventLine *entry, const EventLine *next);

/* What a thread needs for printing. */
typedef struct EventScratch EventScratch;

EventScratch *event_scratch_new(void);
void event_scratch_free(EventScratch *scratch);

/*
 * Appends the line without a newline at its end.  insert stands between the
 * time and the event's name.  What of the record is no printable ASCII is
 * escaped.
 */
void event_line_print(const EventLine *line, const EventTextStyle *style,
                      const char *insert, EventScratch *scratch,
                      PrintText *text);

/* How many event types seen so far go through libtraceevent. */
unsigned event_table_count_by_library(const EventTable *table);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EventOrder, event_order_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EventScratch, event_scratch_free)

#endif
