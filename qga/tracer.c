/*
 * Tracer: what a tracefs instance records besides events, such as functions.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "tracer.h"

#include <errno.h>

#include "trace-error.h"

static bool set_functions(const TraceInstance *instance, char **functions,
                          GError **error)
{
    for (guint i = 0; functions && functions[i]; i++) {
        /* Without the line end the kernel looks at it only on close. */
        g_autofree char *line = g_strdup_printf("%s\n", functions[i]);

        if (trace_instance_append(instance, "set_ftrace_filter", line)) {
            continue;
        }
        if (errno == EINVAL) {
            return trace_throw(error,
                               "no traceable function matches \"%s\": see "
                               "available_filter_functions in tracefs",
                               functions[i]);
        }
        return trace_throw(error,
                           "the kernel refuses to trace the function \"%s\" "
                           "(%s/set_ftrace_filter: %s)",
                           functions[i], trace_instance_dir(instance),
                           g_strerror(errno));
    }
    return true;
}

static bool check_tracer(const TraceInstance *instance, const char *tracer,
                         GError **error)
{
    g_autofree char *here = NULL;

    if (trace_instance_lists(instance, "available_tracers", tracer)) {
        return true;
    }
    here = trace_instance_read(instance, "available_tracers");
    g_strchomp(here ? here : (here = g_strdup("nop")));
    if (trace_instance_lists(NULL, "available_tracers", tracer)) {
        return trace_throw(error,
                           "the kernel does not allow the tracer \"%s\" in a "
                           "tracefs instance of its own: choose one of %s",
                           tracer, here);
    }
    return trace_throw(error,
                       "this kernel has no tracer \"%s\": choose one of %s",
                       tracer, here);
}

bool tracer_set(const TraceInstance *instance, const char *tracer,
                char **functions, GError **error)
{
    if (!tracer) {
        if (functions && functions[0]) {
            return trace_throw(error, "functions to trace need a tracer: add "
                                      "-p function");
        }
        return true;
    }
    if (!check_tracer(instance, tracer, error) ||
        !set_functions(instance, functions, error)) {
        return false;
    }
    if (!trace_instance_write(instance, "current_tracer", tracer)) {
        return trace_throw(error,
                           "the kernel refuses the tracer \"%s\" in a tracefs "
                           "instance: %s",
                           tracer, g_strerror(errno));
    }
    return true;
}
