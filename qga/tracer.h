/*
 * Tracer: what a tracefs instance records besides events, such as functions.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TRACER_H
#define TRACER_H

#include <glib.h>
#include <stdbool.h>

#include "trace-instance.h"

/*
 * Sets @tracer, or none if it is NULL, and the @functions that it is confined
 * to, patterns as of set_ftrace_filter; NULL-terminated, and may be NULL.
 */
bool tracer_set(const TraceInstance *instance, const char *tracer,
                char **functions, GError **error);

#endif
