/*
 * EventFilter: the kernel's filters of the events that are recorded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef EVENT_FILTER_H
#define EVENT_FILTER_H

#include <glib.h>
#include <stdbool.h>

#include "trace-instance.h"

/*
 * Sets filters as of event_set_parse_filter(), of some of @events; @specs is
 * NULL-terminated, and may be NULL.  What the kernel has against one is in the
 * error.
 */
bool event_filter_set(const TraceInstance *instance, const GPtrArray *events,
                      char **specs, GError **error);

#endif
