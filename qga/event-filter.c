/*
 * EventFilter: the kernel's filters of the events that are recorded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "event-filter.h"

#include <errno.h>
#include <string.h>

#include "event-set.h"
#include "trace-error.h"

/* The kernel's reason, which it leaves in the event's own filter file. */
static char *filter_reason(const TraceInstance *instance, const char *file)
{
    g_autofree char *text = trace_instance_read(instance, file);
    const char *reason = text ? strstr(text, "parse_error: ") : NULL;

    if (!reason) {
        return g_strdup(g_strerror(EINVAL));
    }
    return g_strstrip(g_strdup(reason + strlen("parse_error: ")));
}

static bool set_filter(const TraceInstance *instance, const char *event,
                       const char *filter, GError **error)
{
    g_autofree char *file = g_strdup_printf("events/%s/filter", event);
    g_autofree char *reason = NULL;

    if (trace_instance_write(instance, file, filter)) {
        return true;
    }
    reason = errno == EINVAL ? filter_reason(instance, file)
                             : g_strdup(g_strerror(errno));
    return trace_throw(error,
                       "the kernel refuses the filter \"%s\" for the event "
                       "%s: %s; the event's fields are in its format file",
                       filter, event, reason);
}

bool event_filter_set(const TraceInstance *instance, const GPtrArray *events,
                      char **specs, GError **error)
{
    for (guint i = 0; specs && specs[i]; i++) {
        const char *filter;
        g_autoptr(GPtrArray) filtered =
            event_set_parse_filter(events, specs[i], &filter, error);

        if (!filtered) {
            return false;
        }
        for (guint j = 0; j < filtered->len; j++) {
            if (!set_filter(instance, g_ptr_array_index(filtered, j), filter,
                            error)) {
                return false;
            }
        }
    }
    return true;
}
