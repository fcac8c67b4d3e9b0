/*
 * Proof: the lines of the timeline that show why a finding is so.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/proof.h"

#include <stdlib.h>
#include <string.h>

#include "merge/timeline.h"
#include "trace-data/event-text.h"

/* The ends of the longest pieces: where what changed is to be seen. */
static int by_length(gconstpointer a, gconstpointer b)
{
    const Segment *one = a, *other = b;
    uint64_t length = one->to_ticks - one->from_ticks;
    uint64_t other_length = other->to_ticks - other->from_ticks;

    return length < other_length ? 1 : length > other_length ? -1 : 0;
}

static int by_ticks(gconstpointer a, gconstpointer b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

    return one < other ? -1 : one > other;
}

static GArray *telling_ticks(const Finding *finding, unsigned n_lines)
{
    g_autoptr(GArray) pieces = g_array_copy(finding->segments);
    GArray *ticks = g_array_new(FALSE, FALSE, sizeof(uint64_t));

    g_array_append_val(ticks, finding->start_ticks);
    g_array_append_val(ticks, finding->end_ticks);
    g_array_sort(pieces, by_length);
    for (guint i = 0; i < pieces->len && ticks->len + 2 <= n_lines; i++) {
        const Segment *piece = &g_array_index(pieces, Segment, i);

        g_array_append_val(ticks, piece->from_ticks);
        g_array_append_val(ticks, piece->to_ticks);
    }
    g_array_sort(ticks, by_ticks);
    return ticks;
}

static bool is_telling(const GArray *ticks, uint64_t line_ticks)
{
    return bsearch(&line_ticks, ticks->data, ticks->len, sizeof(uint64_t),
                   by_ticks) != NULL;
}

static int label_width(const GPtrArray *inputs)
{
    int width = 0;

    for (guint i = 0; i < inputs->len; i++) {
        const TimelineInput *input = inputs->pdata[i];

        width = MAX(width, (int)strlen(input->label));
    }
    return width;
}

static char *line_text(const TimelineEvent *event, EventText *text, int width)
{
    const EventTextStyle style = {
        .has_ns = event->input->scale.unit != TIMELINE_TICKS,
        .full_ns = true,
    };
    GString *line = g_string_new(NULL);

    g_string_printf(line, "%*s: ", width, event->input->label);
    event_text_append(text, event->input->events, line, &style, event->cpu,
                      event->time, event->event.data, event->event.size_bytes);
    return g_string_free(line, FALSE);
}

GPtrArray *proof_lines(const Finding *finding, GPtrArray *inputs,
                       unsigned n_lines)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GArray) ticks = NULL;
    g_autoptr(Timeline) timeline = NULL;
    g_autoptr(EventText) text = event_text_new();
    int width = label_width(inputs);
    TimelineEvent event;

    if (n_lines == 0) {
        return lines;
    }
    ticks = telling_ticks(finding, n_lines);
    timeline = timeline_new(inputs);
    timeline_seek_ticks(timeline, finding->start_ticks);
    while (lines->len < n_lines && timeline_next(timeline, &event) &&
           event.event.line_ticks <= finding->end_ticks) {
        if (is_telling(ticks, event.event.line_ticks)) {
            g_ptr_array_add(lines, line_text(&event, text, width));
        }
    }
    return lines;
}
