/*
 * TextOutput: the merged timeline as lines, in `trace-cmd report`'s layout.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "output/output.h"

typedef struct TextOutput {
    const OutputJob *job;
    int label_width; /* 0: no labels */
    GString *line;   /* reused */
    bool has_last;
    uint64_t last_time;
} TextOutput;

static void append_label(TextOutput *output, const TimelineInput *input)
{
    if (output->label_width > 0) {
        g_string_append_printf(output->line, "%*s: ", output->label_width,
                               input->label);
    }
}

static bool flush_line(TextOutput *output, GError **error)
{
    const OutputJob *job = output->job;
    GString *line = output->line;

    if (fwrite(line->str, 1, line->len, job->stream) != line->len) {
        return output_fail_errno(job, error);
    }
    g_string_truncate(line, 0);
    return true;
}

static void text_free(gpointer state)
{
    TextOutput *output = state;

    g_string_free(output->line, TRUE);
    g_free(output);
}

static int label_width(const GPtrArray *inputs)
{
    int width = 0;

    for (guint i = 0; inputs->len > 1 && i < inputs->len; i++) {
        const TimelineInput *input = inputs->pdata[i];

        width = MAX(width, (int)strlen(input->label));
    }
    return width;
}

/* The lines that come before the first event: each file's number of CPUs. */
static gpointer text_begin(const OutputJob *job, GError **error)
{
    TextOutput *output = g_new0(TextOutput, 1);

    output->job = job;
    output->line = g_string_sized_new(1024);
    output->label_width = label_width(job->inputs);
    for (guint i = 0; i < job->inputs->len; i++) {
        const TimelineInput *input = job->inputs->pdata[i];

        if (input->is_hidden) {
            continue;
        }
        append_label(output, input);
        g_string_append_printf(output->line, "cpus=%u\n",
                               input->dat->cpus->len);
    }
    if (!flush_line(output, error)) {
        text_free(output);
        return NULL;
    }
    return output;
}

/* A line of its own, labelled: whose events are missing must be clear. */
static bool text_loss(gpointer state, const TimelineEvent *event,
                      G_GNUC_UNUSED GError **error)
{
    TextOutput *output = state;
    int64_t missed = event->event.missed_events;

    append_label(output, event->input);
    if (missed > 0) {
        g_string_append_printf(output->line,
                               "CPU:%u [%" G_GINT64_FORMAT " EVENTS DROPPED]\n",
                               event->cpu, missed);
    } else {
        g_string_append_printf(output->line, "CPU:%u [EVENTS DROPPED]\n",
                               event->cpu);
    }
    return true;
}

/* What stands between the time and the event's name. */
static void format_insert(TextOutput *output, const TimelineEvent *event,
                          char *insert, size_t size)
{
    uint64_t error_ticks = event->event.error_ticks;
    size_t used = 0;

    insert[0] = '\0';
    if (output->job->text.ts_diff) {
        g_autofree char *diff =
            output->has_last
                ? g_strdup_printf("(%+" G_GINT64_FORMAT ")",
                                  (int64_t)(event->time - output->last_time))
                : g_strdup("");

        used = (size_t)g_snprintf(insert, size, " %-8s", diff);
        output->has_last = true;
        output->last_time = event->time;
    }
    if (error_ticks == CLOCK_ERROR_UNKNOWN) {
        g_snprintf(insert + used, size - used, " [+-?]");
    } else if (error_ticks > 0) {
        TimelineScale scale = event->input->scale;

        scale.ns_offset = 0;
        g_snprintf(insert + used, size - used, " [+-%" G_GUINT64_FORMAT "%s]",
                   timeline_scale_apply(&scale, error_ticks),
                   scale.unit == TIMELINE_TICKS ? "" : "ns");
    }
}

static bool text_event(gpointer state, const TimelineEvent *event,
                       GError **error)
{
    TextOutput *output = state;
    const EventTextStyle style = {
        .has_ns = event->input->scale.unit != TIMELINE_TICKS,
        .full_ns = output->job->text.full_ns,
    };
    char insert[96];

    format_insert(output, event, insert, sizeof(insert));
    append_label(output, event->input);
    event_table_print(event->input->events, output->line, &style, insert,
                      event->cpu, event->time, event->event.data,
                      event->event.size_bytes);
    g_string_append_c(output->line, '\n');
    return flush_line(output, error);
}

const OutputOps text_output_ops = {
    .name = "text",
    .summary = "lines as trace-cmd report prints them",
    .begin = text_begin,
    .loss = text_loss,
    .event = text_event,
    .free = text_free,
};
