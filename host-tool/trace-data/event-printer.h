/*
 * EventPrinter: how the records of one event type become text.
 *
 * Chooses between a handler, a compiled print format, libtraceevent and, where
 * that can't be trusted with a hostile record, the fields one by one.  What is
 * compiled is compared with libtraceevent on a few records before it is used,
 * so that another version of the library costs speed, not correctness.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef EVENT_PRINTER_H
#define EVENT_PRINTER_H

#include <stdbool.h>
#include <glib.h>

#include "trace-data/print-handlers.h"
#include "trace-data/print-program.h"

struct EventTable;
struct tep_event;

/* What an earlier record may have to do with this one. */
typedef enum EventRole {
    EVENT_ROLE_NONE,
    EVENT_ROLE_NAMES_TASKS, /* sched_switch, sched_wakeup */
    EVENT_ROLE_FUNCTION,
    EVENT_ROLE_GRAPH_ENTRY,
    EVENT_ROLE_GRAPH_RETURN,
} EventRole;

/* A task that a record names. */
typedef struct EventTask {
    PrintField comm;
    PrintField pid;
} EventTask;

typedef struct EventPrinter {
    const struct tep_event *event;
    EventRole role;
    EventTask tasks[2];
    unsigned n_tasks;
    PrintField function; /* of a role that has one */
    PrintField parent;

    char *title; /* " NAME: ", as wide as the column */
    unsigned title_size;
    bool keep_newlines; /* its text has lines of its own */
    bool by_library;
    bool unsafe_by_library;      /* some records would make it misbehave */
    PrintHandler *handler;       /* NULL: program */
    const PrintProgram *program; /* never NULL unless by_library or handler */
    const PrintProgram *fields;  /* for -R */
    GPtrArray *memory;           /* of the programs */
} EventPrinter;

EventPrinter *event_printer_new(struct EventTable *table,
                                const struct tep_event *event);
void event_printer_free(EventPrinter *printer);

#endif
