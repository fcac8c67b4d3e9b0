/*
 * Output: the table of formats, and the loop that feeds one of them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/output.h"

#include <errno.h>
#include <string.h>
#include <gio/gio.h>

static const OutputOps *const formats[] = {
    &text_output_ops,
    &json_output_ops,
    &perfetto_output_ops,
    &ctf_output_ops,
};

const OutputOps *output_find(const char *name, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (strcmp(formats[i]->name, name) == 0) {
            return formats[i];
        }
        g_string_append_printf(names, "%s%s", i ? ", " : "", formats[i]->name);
    }
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "there is no format '%s'; choose one of %s", name, names->str);
    return NULL;
}

bool output_fail_errno(const OutputJob *job, GError **error)
{
    int code = errno;

    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code),
                "cannot write %s: %s", job->name, g_strerror(code));
    return false;
}

/* Nanoseconds can't be made of ticks without their length. */
static bool check_scales(const OutputOps *ops, const OutputJob *job,
                         GError **error)
{
    for (guint i = 0; ops->needs_ns && i < job->inputs->len; i++) {
        const TimelineInput *input = job->inputs->pdata[i];

        if (input->scale.unit == TIMELINE_TICKS) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                        "%s: its times are ticks of a clock whose frequency "
                        "isn't known, and format %s needs nanoseconds; give "
                        "the frequency with --ts2secs HZ",
                        input->label, ops->name);
            return false;
        }
    }
    return true;
}

#define EVENTS_AT_ONCE 64

static bool write_event(const OutputOps *ops, gpointer state,
                        const TimelineEvent *event, GError **error)
{
    if (event->event.missed_events != 0 && ops->loss &&
        !ops->loss(state, event, error)) {
        return false;
    }
    return !ops->event || ops->event(state, event, error);
}

static bool write_events(const OutputOps *ops, const OutputJob *job,
                         gpointer state, Timeline *timeline, GError **error)
{
    TimelineEvent events[EVENTS_AT_ONCE];
    size_t n_events;

    while ((n_events = timeline_read(timeline, events, EVENTS_AT_ONCE)) > 0) {
        for (size_t i = 0; i < n_events; i++) {
            if (!write_event(ops, state, &events[i], error)) {
                return false;
            }
        }
        if (job->n_events) {
            *job->n_events += n_events;
        }
    }
    return true;
}

bool output_write(const OutputOps *ops, const OutputJob *job,
                  Timeline *timeline, GError **error)
{
    gpointer state;
    bool ok;

    if (!check_scales(ops, job, error)) {
        return false;
    }
    state = ops->begin(job, error);
    ok = state && write_events(ops, job, state, timeline, error) &&
         (!ops->end || ops->end(state, error));
    if (state && ops->free) {
        ops->free(state);
    }
    return ok;
}
