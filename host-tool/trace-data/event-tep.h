/*
 * The libtraceevent handle behind an EventTable, for this folder only.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef EVENT_TEP_H
#define EVENT_TEP_H

#include <traceevent/event-parse.h>

#include "trace-data/event-table.h"

/* The table's; not to be freed. */
struct tep_handle *event_table_tep(const EventTable *table);

#endif
