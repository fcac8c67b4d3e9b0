/*
 * EventSet: which events of a kernel a list of names means.
 *
 * Works on any tree laid out as tracefs's events/, so that it can be tested
 * without a kernel.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef EVENT_SET_H
#define EVENT_SET_H

#include <glib.h>
#include <stdbool.h>

/* Why the default set is what it is stands where it is defined. */
extern const char *const event_set_default[];

/*
 * The events under @events_dir that @specs name, each as "SYSTEM/EVENT",
 * sorted, once.  A spec is "SYSTEM:EVENT" or "SYSTEM/EVENT", or one word that
 * names a system or events of any system; '*', '?' and "[]" match as in a
 * shell.  Only events that can be enabled count.
 *
 * A spec that names nothing is an error, or, if @missing is not NULL, is
 * appended to it (copied).
 */
GPtrArray *event_set_resolve(const char *events_dir, const char *const *specs,
                             GPtrArray *missing, GError **error);

/*
 * Splits "EVENT:FILTER", where EVENT is "SYSTEM/EVENT", "SYSTEM:EVENT" or one
 * word, and finds the events of @events (from event_set_resolve) it is for.
 * Returns them as "SYSTEM/EVENT" and sets *@filter to the rest of @spec.
 */
GPtrArray *event_set_parse_filter(const GPtrArray *events, const char *spec,
                                  const char **filter, GError **error);

#endif
