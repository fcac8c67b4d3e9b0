/*
 * TextOutput: the merged timeline as lines, in `trace-cmd report`'s layout.
 *
 * Takes the events in their order, notes what a line needs to know of earlier
 * ones, and leaves the formatting to a TextPool.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/text.h"

#include <string.h>

#include "output/output.h"
#include "output/text-batch.h"
#include "output/text-pool.h"
#include "output/tracer-text.h"

/* The first batch is small, so that the first lines come at once. */
#define FIRST_LINES 32

#define COLOR_LOSS "\033[31m"
#define COLOR_END  "\033[0m"

static const char *const colors[] = {
    "\033[36m", "\033[32m", "\033[33m", "\033[35m", "\033[34m",
};

typedef struct TextOutput {
    const OutputJob *job;
    const TextOptions *options;
    TextPool *pool;
    EventOrder *order;
    GArray *inputs; /* of TextInput */
    guint last_input;
    TextBatch *batch;    /* in hand */
    uint32_t fill_lines; /* how many it is to have */
    int64_t missed_events;
    bool has_last;
    uint64_t last_time;
    bool has_first;
    uint64_t first_time;
} TextOutput;

static void text_input_clear(gpointer data)
{
    TextInput *input = data;

    g_free(input->label);
    g_free(input->loss_label);
}

static void text_free(gpointer state)
{
    TextOutput *output = state;

    text_pool_free(output->pool);
    event_order_free(output->order);
    g_array_unref(output->inputs);
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

static void add_input(TextOutput *output, TimelineInput *from, int width)
{
    const TextOptions *options = output->options;
    const char *color = colors[output->inputs->len % G_N_ELEMENTS(colors)];
    g_autofree char *label =
        width ? g_strdup_printf("%*s: ", width, from->label) : g_strdup("");
    TextInput input = {
        .input = from,
        .style =
            {
                .has_ns =
                    from->scale.unit != TIMELINE_TICKS && !options->raw_ts,
                .full_ns = options->full_ns,
                .latency = options->latency,
                .no_flags = options->no_flags,
                .raw = options->raw,
            },
    };

    if (options->color) {
        input.label =
            width ? g_strconcat(color, label, COLOR_END, NULL) : g_strdup("");
        input.loss_label =
            g_strconcat(input.label, COLOR_LOSS "!" COLOR_END " ", NULL);
    } else {
        input.label = g_strdup(label);
        input.loss_label = g_strdup(label);
    }
    input.label_size = strlen(input.label);
    g_array_append_val(output->inputs, input);
}

/* The lines that come before the first event: each file's number of CPUs. */
/* What a file says of itself; its instances say nothing of their own. */
static bool write_start(TextOutput *output, guint i, GError **error)
{
    const OutputJob *job = output->job;
    TimelineInput *input = job->inputs->pdata[i];

    if (!input->dat->instance &&
        fprintf(job->stream, "%scpus=%u\n",
                g_array_index(output->inputs, TextInput, i).label,
                input->dat->cpus->len) < 0) {
        return output_fail_errno(job, error);
    }
    return tracer_text_write(job, input->dat, error);
}

static gpointer text_begin(const OutputJob *job, GError **error)
{
    TextOutput *output = g_new0(TextOutput, 1);
    int width = label_width(job->inputs);

    output->job = job;
    output->options = &job->text;
    output->order = event_order_new();
    if (job->text.raw) {
        event_order_learn_nothing(output->order);
    }
    output->inputs = g_array_new(FALSE, TRUE, sizeof(TextInput));
    g_array_set_clear_func(output->inputs, text_input_clear);
    output->pool =
        text_pool_new(job->stream, job->text.ts_diff, job->text.n_threads);
    output->batch = text_pool_batch(output->pool);
    output->fill_lines = FIRST_LINES;
    for (guint i = 0; i < job->inputs->len; i++) {
        TimelineInput *input = job->inputs->pdata[i];

        add_input(output, input, width);
        if (!input->is_hidden && !write_start(output, i, error)) {
            text_free(output);
            return NULL;
        }
    }
    return output;
}

static bool text_loss(gpointer state, const TimelineEvent *event,
                      G_GNUC_UNUSED GError **error)
{
    ((TextOutput *)state)->missed_events = event->event.missed_events;
    return true;
}

static TextInput *find_input(TextOutput *output, const TimelineInput *input)
{
    for (guint i = output->last_input;; i = (i + 1) % output->inputs->len) {
        TextInput *found = &g_array_index(output->inputs, TextInput, i);

        if (found->input == input) {
            output->last_input = i;
            return found;
        }
    }
}

static bool submit(TextOutput *output, GError **error)
{
    for (guint i = 0; i < output->inputs->len; i++) {
        g_array_index(output->inputs, TextInput, i).is_pending = false;
    }
    output->fill_lines =
        MIN(output->fill_lines * 2, TEXT_BATCH_LINES - TEXT_BATCH_SPARE);
    if (!text_pool_submit(output->pool)) {
        return output_fail_errno(output->job, error);
    }
    output->batch = text_pool_batch(output->pool);
    return true;
}

/* Is the function graph's entry before it one line with this return? */
static bool join_leaf(TextOutput *output, TextInput *input,
                      const EventLine *line)
{
    TextLine *entry = &output->batch->lines[input->pending_line];

    if (!input->is_pending) {
        return false;
    }
    input->is_pending = false;
    if (output->missed_events != 0 ||
        !event_line_is_its_return(&entry->event, line)) {
        return false;
    }
    entry->event.leaf = line->data;
    entry->event.leaf_bytes = line->size_bytes;
    return true;
}

static uint64_t time_of(TextOutput *output, const TimelineEvent *event)
{
    uint64_t time = output->options->raw_ts ? event->event.ticks : event->time;

    if (!output->options->align_ts) {
        return time;
    }
    if (!output->has_first) {
        output->has_first = true;
        output->first_time = time;
    }
    return time - output->first_time;
}

static void check_order(TextOutput *output, const TextLine *line)
{
    g_autofree char *message = NULL;

    if (!output->options->ts_check || !output->has_last ||
        line->event.time >= output->last_time) {
        return;
    }
    message =
        g_strdup_printf("%s: CPU %u: the time went back from %" G_GUINT64_FORMAT
                        " to %" G_GUINT64_FORMAT ", by %" G_GUINT64_FORMAT,
                        line->input->input->label, line->event.cpu,
                        output->last_time, line->event.time,
                        output->last_time - line->event.time);
    output->options->warn(message);
}

static void note_time(TextOutput *output, TextLine *line)
{
    check_order(output, line);
    line->has_diff = output->has_last;
    line->diff = (int64_t)(line->event.time - output->last_time);
    output->has_last = true;
    output->last_time = line->event.time;
}

/* Full, but not while an entry waits for what comes next. */
static bool is_complete(const TextOutput *output)
{
    if (output->batch->n_lines < output->fill_lines) {
        return false;
    }
    for (guint i = 0; i < output->inputs->len; i++) {
        if (g_array_index(output->inputs, TextInput, i).is_pending) {
            return output->batch->n_lines == TEXT_BATCH_LINES;
        }
    }
    return true;
}

static bool text_event(gpointer state, const TimelineEvent *event,
                       GError **error)
{
    TextOutput *output = state;
    TextInput *input = find_input(output, event->input);
    TextLine *line;

    if (!text_batch_has_room(output->batch, event->event.size_bytes) &&
        output->batch->n_lines > 0 && !submit(output, error)) {
        return false;
    }
    line = &output->batch->lines[output->batch->n_lines];
    line->input = input;
    line->error_ticks = event->event.error_ticks;
    line->missed_events = output->missed_events;
    line->event.data = text_batch_copy(output->batch, event->event.data,
                                       event->event.size_bytes);
    line->event.size_bytes = event->event.size_bytes;
    line->event.cpu = event->cpu;
    line->event.time = time_of(output, event);
    event_order_add(output->order, event->input->events, &line->event);
    if (join_leaf(output, input, &line->event)) {
        return true;
    }
    output->missed_events = 0;
    note_time(output, line);
    if (!output->options->raw && event_line_is_graph_entry(&line->event)) {
        input->is_pending = true;
        input->pending_line = output->batch->n_lines;
    }
    output->batch->n_lines++;
    return !is_complete(output) || submit(output, error);
}

static bool text_end(gpointer state, GError **error)
{
    TextOutput *output = state;

    if (output->batch->n_lines > 0 && !submit(output, error)) {
        return false;
    }
    return text_pool_drain(output->pool) ||
           output_fail_errno(output->job, error);
}

const OutputOps text_output_ops = {
    .name = "text",
    .summary = "lines as trace-cmd report prints them",
    .begin = text_begin,
    .loss = text_loss,
    .event = text_event,
    .end = text_end,
    .free = text_free,
};
