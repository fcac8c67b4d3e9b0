/*
 * TextOutput: the merged timeline as lines, in `trace-cmd report`'s layout.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/text.h"

#include <errno.h>
#include <string.h>
#include <gio/gio.h>

struct TextOutput {
    FILE *stream;
    GPtrArray *inputs;
    TextOptions options;
    int label_width; /* 0: no labels */
    GString *line;   /* reused */
    bool has_last;
    uint64_t last_time;
};

TextOutput *text_output_new(FILE *stream, GPtrArray *inputs,
                            const TextOptions *options)
{
    TextOutput *output = g_new0(TextOutput, 1);

    output->stream = stream;
    output->inputs = inputs;
    output->options = *options;
    output->line = g_string_sized_new(1024);
    for (guint i = 0; inputs->len > 1 && i < inputs->len; i++) {
        const TimelineInput *input = inputs->pdata[i];

        output->label_width =
            MAX(output->label_width, (int)strlen(input->label));
    }
    return output;
}

void text_output_free(TextOutput *output)
{
    if (output) {
        g_string_free(output->line, TRUE);
        g_free(output);
    }
}

static void append_label(TextOutput *output, const TimelineInput *input)
{
    if (output->label_width > 0) {
        g_string_append_printf(output->line, "%*s: ", output->label_width,
                               input->label);
    }
}

static bool flush_line(TextOutput *output, GError **error)
{
    GString *line = output->line;

    if (fwrite(line->str, 1, line->len, output->stream) == line->len) {
        g_string_truncate(line, 0);
        return true;
    }
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
                "cannot write the report: %s", g_strerror(errno));
    return false;
}

bool text_output_begin(TextOutput *output, GError **error)
{
    for (guint i = 0; i < output->inputs->len; i++) {
        const TimelineInput *input = output->inputs->pdata[i];

        append_label(output, input);
        g_string_append_printf(output->line, "cpus=%u\n",
                               input->dat->cpus->len);
    }
    return flush_line(output, error);
}

/* A line of its own, labelled: whose events are missing must be clear. */
static void append_loss(TextOutput *output, const TimelineEvent *event)
{
    int64_t missed = event->event.missed_events;

    if (missed == 0) {
        return;
    }
    append_label(output, event->input);
    if (missed > 0) {
        g_string_append_printf(output->line,
                               "CPU:%u [%" G_GINT64_FORMAT " EVENTS DROPPED]\n",
                               event->cpu, missed);
    } else {
        g_string_append_printf(output->line, "CPU:%u [EVENTS DROPPED]\n",
                               event->cpu);
    }
}

/* What stands between the time and the event's name. */
static void format_insert(TextOutput *output, const TimelineEvent *event,
                          char *insert, size_t size)
{
    uint64_t error_ticks = event->event.error_ticks;
    size_t used = 0;

    insert[0] = '\0';
    if (output->options.ts_diff) {
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

bool text_output_event(TextOutput *output, const TimelineEvent *event,
                       GError **error)
{
    const EventTextStyle style = {
        .has_ns = event->input->scale.unit != TIMELINE_TICKS,
        .full_ns = output->options.full_ns,
    };
    char insert[96];

    format_insert(output, event, insert, sizeof(insert));
    append_loss(output, event);
    append_label(output, event->input);
    event_table_print(event->input->events, output->line, &style, insert,
                      event->cpu, event->time, event->event.data,
                      event->event.size_bytes);
    g_string_append_c(output->line, '\n');
    return flush_line(output, error);
}

bool text_output_end(TextOutput *output, GError **error)
{
    if (fflush(output->stream) == 0) {
        return true;
    }
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
                "cannot write the report: %s", g_strerror(errno));
    return false;
}
