/*
 * PerfettoTypes: how a machine's event types are written for Perfetto.
 *
 * Those that Perfetto knows become its own messages, found by their names in
 * perfetto.proto; all others become generic events, each with a descriptor.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PERFETTO_TYPES_H
#define PERFETTO_TYPES_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#include "merge/timeline.h"
#include "output/arena.h"
#include "perfetto.pb-c.h"

/* Perfetto's own messages end far below; these are for generic events. */
#define PERFETTO_FIRST_GENERIC_ID 65537

/* Which of them have a compact form, too. */
typedef enum PerfettoKind {
    PERFETTO_OTHER,
    PERFETTO_SWITCH,
    PERFETTO_WAKING,
} PerfettoKind;

/* The fields that the compact form of sched_switch holds. */
typedef struct PerfettoSwitch {
    const EventFieldType *prev_comm;
    const EventFieldType *prev_pid;
    const EventFieldType *prev_prio;
    const EventFieldType *prev_state;
    const EventFieldType *next_comm;
    const EventFieldType *next_pid;
    const EventFieldType *next_prio;
} PerfettoSwitch;

/* And that of sched_waking. */
typedef struct PerfettoWaking {
    const EventFieldType *comm;
    const EventFieldType *pid;
    const EventFieldType *prio;
    const EventFieldType *target_cpu;
} PerfettoWaking;

typedef struct PerfettoType {
    const EventType *event; /* the table's */
    EventField pid;
    EventField flags;
    const ProtobufCFieldDescriptor *native; /* of FtraceEvent, or NULL */
    GArray *native_fields;                  /* its message's, if native */
    uint32_t generic_id;                    /* if not */
    PerfettoKind kind; /* OTHER if the compact form would lose anything */
    union {
        PerfettoSwitch sched_switch;
        PerfettoWaking sched_waking;
    };
} PerfettoType;

typedef struct PerfettoTypes PerfettoTypes;

/*
 * next_generic_id is counted up for each generic type, so that machines can
 * share it; it must stay.
 */
PerfettoTypes *perfetto_types_new(EventTable *events,
                                  uint32_t *next_generic_id);
void perfetto_types_free(PerfettoTypes *types);

/*
 * The type of a record, or NULL when the file doesn't know it.  *is_new says
 * that it is asked for the first time: a generic one must be described then.
 */
const PerfettoType *perfetto_types_find(PerfettoTypes *types, int event_id,
                                        bool *is_new);

/* The descriptor of a generic type, in the arena's memory. */
Perfetto__FtraceEventBundle__GenericEventDescriptor *
perfetto_type_describe(const PerfettoType *type, Arena *arena);

/* The event's message, in the arena's memory. */
Perfetto__FtraceEvent *perfetto_type_make(const PerfettoType *type,
                                          const TimelineEvent *event,
                                          Arena *arena);

/* A clean, NUL-terminated copy of a string field's bytes. */
char *perfetto_text(const EventSpan *span, Arena *arena);

#endif
