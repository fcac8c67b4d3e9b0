/*
 * RequestPolicy: whether a guest that asks for a recording gets it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/request-policy.h"

#include <inttypes.h>
#include <string.h>

#include "trace-data/glob-match.h"

#define HOUR_US    (INT64_C(3600) * G_USEC_PER_SEC)
#define MAX_EVENTS 64
/* What names of events and globs are made of. */
#define EVENT_CHARS "_:/*?[]-."

void request_history_init(RequestHistory *history)
{
    history->times_us = g_array_new(FALSE, FALSE, sizeof(gint64));
}

void request_history_clear(RequestHistory *history)
{
    g_clear_pointer(&history->times_us, g_array_unref);
}

static guint count_since(const RequestHistory *history, gint64 since_us)
{
    guint count = 0;

    for (guint i = 0; i < history->times_us->len; i++) {
        count += g_array_index(history->times_us, gint64, i) > since_us;
    }
    return count;
}

void request_history_add(RequestHistory *history, gint64 now_us)
{
    GArray *times_us = history->times_us;

    while (times_us->len > 0 &&
           g_array_index(times_us, gint64, 0) <= now_us - HOUR_US) {
        g_array_remove_index(times_us, 0);
    }
    g_array_append_val(times_us, now_us);
}

char **request_policy_events(const TraceControl *request)
{
    return *request->events ? g_strsplit(request->events, "\n", -1) : NULL;
}

uint32_t request_policy_duration_ms(const RequestPolicy *policy,
                                    const TraceControl *request)
{
    return request->duration_ms
               ? MIN(request->duration_ms, policy->max_duration_ms)
               : policy->max_duration_ms;
}

/* "SYSTEM" means all of its events; '/' is as good as ':'. */
static char *normalize(const char *event)
{
    char *text =
        strpbrk(event, ":/") ? g_strdup(event) : g_strconcat(event, ":*", NULL);

    return g_strdelimit(text, "/", ':');
}

static gboolean is_event_name(const char *event)
{
    if (!*event || *event == '-') {
        return FALSE;
    }
    for (const char *c = event; *c; c++) {
        if (!g_ascii_isalnum(*c) && !strchr(EVENT_CHARS, *c)) {
            return FALSE;
        }
    }
    return TRUE;
}

/*
 * A request that is a pattern itself is compared as text: what it matches is
 * then among what the allowed pattern matches, where the allowed one only has
 * '*'; one with '?' takes no patterns.  GLib's patterns know no "[]", so a
 * literal '[' never slips through.
 */
static gboolean is_allowed(const RequestPolicy *policy, const char *event)
{
    g_autofree char *wanted = normalize(event);

    for (char **allowed = policy->allowed; *allowed; allowed++) {
        g_autofree char *pattern = normalize(*allowed);

        /* To a '?' any character is as good as another, also a '*'. */
        if (!g_str_equal(*allowed, REQUEST_DEFAULT_EVENTS) &&
            !(strchr(pattern, '?') && strpbrk(wanted, "*?[")) &&
            glob_match(pattern, wanted)) {
            return TRUE;
        }
    }
    return FALSE;
}

static char *refuse_events(const RequestPolicy *policy,
                           const TraceControl *request)
{
    g_auto(GStrv) events = request_policy_events(request);

    if (!events) {
        return g_strv_contains((const char *const *)policy->allowed,
                               REQUEST_DEFAULT_EVENTS)
                   ? NULL
                   : g_strdup("the default events are not allowed here; name "
                              "the ones you want with --host-event");
    }
    if (g_strv_length(events) > MAX_EVENTS) {
        return g_strdup_printf("more than %d events are asked for", MAX_EVENTS);
    }
    for (guint i = 0; events[i]; i++) {
        if (!is_event_name(events[i])) {
            return g_strdup("an event's name makes no sense");
        }
        if (!is_allowed(policy, events[i])) {
            return g_strdup_printf("the event %.100s of the host is not "
                                   "allowed",
                                   events[i]);
        }
    }
    return NULL;
}

char *request_policy_refuse(const RequestPolicy *policy,
                            const RequestHistory *history,
                            const TraceControl *request, uint64_t kept_bytes,
                            gint64 now_us)
{
    if (!policy->allowed || !policy->allowed[0]) {
        return g_strdup("no guest may ask for a recording here; the host's "
                        "operator can allow it with --allow");
    }
    if (count_since(history, now_us - HOUR_US) >= policy->max_per_hour) {
        return g_strdup_printf("there were %u recordings within an hour, which "
                               "is the limit",
                               policy->max_per_hour);
    }
    if (kept_bytes >= policy->max_total_bytes) {
        return g_strdup("the host keeps as many bytes of recordings as it may; "
                        "its operator has to remove some");
    }
    return refuse_events(policy, request);
}
