/*
 * PerfettoBundle: the events of one CPU, gathered until a packet is full.
 *
 * Scheduling is written in Perfetto's compact form wherever that loses
 * nothing.  It leaves out who was running before a switch, and who woke up a
 * task: a reader takes the last switch's next task for both.  So the first
 * switch of a CPU, what comes before it, and all that does not fit the last
 * switch are written in full.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PERFETTO_BUNDLE_H
#define PERFETTO_BUNDLE_H

#include <glib.h>
#include <stdbool.h>

#include "merge/timeline.h"
#include "output/perfetto-types.h"
#include "perfetto.pb-c.h"

typedef struct PerfettoBundle PerfettoBundle;

/* memory_bytes: about how much the events may take until it is full. */
PerfettoBundle *perfetto_bundle_new(unsigned cpu, gsize memory_bytes);
void perfetto_bundle_free(PerfettoBundle *bundle);

/* Full, or the event must come after all that are gathered. */
bool perfetto_bundle_must_end(const PerfettoBundle *bundle,
                              const TimelineEvent *event);

void perfetto_bundle_add(PerfettoBundle *bundle, const PerfettoType *type,
                         const TimelineEvent *event);

/* Events are missing before the next one; the bundle must be empty. */
void perfetto_bundle_lose(PerfettoBundle *bundle);

bool perfetto_bundle_is_empty(const PerfettoBundle *bundle);

/* What was gathered, as a message that is valid until the next call. */
Perfetto__FtraceEventBundle *perfetto_bundle_take(PerfettoBundle *bundle);

#endif
