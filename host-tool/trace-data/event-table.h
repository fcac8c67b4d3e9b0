/*
 * EventTable: a file's event types, and access to their fields.
 *
 * Hides libtraceevent, which parses the formats and prints their text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef EVENT_TABLE_H
#define EVENT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <glib.h>

#include "trace-data/dat-file.h"
#include "trace-data/event-type.h"

typedef struct EventTable EventTable;

#define EVENT_ID_NONE (-1)

/*
 * Formats that can't be parsed are left out and counted by
 * event_table_bad_formats().  Needs dat's metadata only during the call.
 */
EventTable *event_table_new(const DatFile *dat);
EventTable *event_table_ref(EventTable *table);
void event_table_unref(EventTable *table);
unsigned event_table_bad_formats(const EventTable *table);

/* The id of an event, or EVENT_ID_NONE. */
int event_table_find(const EventTable *table, const char *system,
                     const char *name);
EventField event_table_field(const EventTable *table, int event_id,
                             const char *field);
/* common_pid of every event. */
EventField event_table_pid_field(const EventTable *table);

/*
 * Names and fields of an event type; NULL when the file doesn't know it.  The
 * table's own, valid as long as the table.  May be called by any thread.
 */
const EventType *event_table_type(EventTable *table, int event_id);
/*
 * The name of a task by the file's saved command lines: "<idle>" for 0,
 * "<...>" when unknown.  As recorded: it may hold any character.  May be
 * called by any thread.
 */
const char *event_table_comm(const EventTable *table, int32_t pid);
/* The function at or before an address, or NULL.  From any thread. */
const char *event_table_function(const EventTable *table, uint64_t address);

/* The event id of a record; EVENT_ID_NONE when it is too short for one. */
int event_record_id(const uint8_t *data, size_t size_bytes);

/*
 * Addresses that a host's kvm events show for this vCPU thread are named by
 * the guest's own symbols.  guest must stay as long as the host's table is
 * printed from.
 */
void event_table_set_guest(EventTable *host, int32_t vcpu_thread_id,
                           EventTable *guest);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EventTable, event_table_unref)

#endif
