/*
 * CtfTypes: how a machine's events are written in the Common Trace Format.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CTF_TYPES_H
#define CTF_TYPES_H

#include <glib.h>

#include "merge/timeline.h"

typedef struct CtfTypes CtfTypes;

CtfTypes *ctf_types_new(EventTable *events);
void ctf_types_free(CtfTypes *types);

/* The number of an event in the metadata: its own, or that of "unknown". */
uint16_t ctf_types_id(CtfTypes *types, const CpuEvent *event);

/* Appends the event's context: who recorded it, and when by its own clock. */
void ctf_types_append_context(CtfTypes *types, GByteArray *to,
                              const CpuEvent *event, const char *vcpu);

/* Appends the event's fields, as the metadata has them. */
void ctf_types_append_fields(CtfTypes *types, GByteArray *to,
                             const CpuEvent *event);

/* The stream's event context, and all events that were asked for: TSDL. */
extern const char ctf_types_context_metadata[];
void ctf_types_append_metadata(const CtfTypes *types, GString *to);

/* Appends a quoted TSDL string, clean. */
void ctf_append_quoted(GString *to, const char *text);

#endif
