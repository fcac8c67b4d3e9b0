/*
 * TextBatch: a stretch of the timeline, copied to be formatted by a thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/text-batch.h"

#include <string.h>

#define BYTES (64u << 10)

void text_batch_init(TextBatch *batch)
{
    *batch = (TextBatch){
        .lines = g_new(TextLine, TEXT_BATCH_LINES),
        .bytes = g_malloc(BYTES),
        .room_bytes = BYTES,
    };
}

void text_batch_clear(TextBatch *batch)
{
    g_free(batch->lines);
    g_free(batch->bytes);
    print_text_clear(&batch->text);
}

bool text_batch_has_room(const TextBatch *batch, size_t size_bytes)
{
    return batch->n_lines < TEXT_BATCH_LINES &&
           size_bytes <= batch->room_bytes - batch->used_bytes;
}

const uint8_t *text_batch_copy(TextBatch *batch, const uint8_t *data,
                               size_t size_bytes)
{
    uint8_t *copy;

    if (size_bytes > batch->room_bytes) {
        batch->bytes = g_realloc(batch->bytes, size_bytes);
        batch->room_bytes = size_bytes;
    }
    copy = batch->bytes + batch->used_bytes;
    memcpy(copy, data, size_bytes);
    batch->used_bytes += size_bytes;
    return copy;
}

/* A line of its own, labelled: whose events are missing must be clear. */
static void format_loss(const TextLine *line, PrintText *text)
{
    char number[32] = "";
    g_autofree char *loss = NULL;

    if (line->missed_events > 0) {
        g_snprintf(number, sizeof(number), "%" G_GINT64_FORMAT " ",
                   line->missed_events);
    }
    loss =
        g_strdup_printf("CPU:%u [%sEVENTS DROPPED]\n", line->event.cpu, number);
    print_text_literal(text, line->input->loss_label);
    print_text_literal(text, loss);
}

/* What stands between the time and the event's name. */
static const char *format_insert(const TextLine *line, bool show_diff,
                                 char *insert, size_t size)
{
    TimelineScale scale;
    char diff[32] = "";
    size_t used = 0;

    if (!show_diff && line->error_ticks == 0) {
        return "";
    }
    if (show_diff) {
        if (line->has_diff) {
            g_snprintf(diff, sizeof(diff), "(%+" G_GINT64_FORMAT ")",
                       line->diff);
        }
        used = (size_t)g_snprintf(insert, size, " %-8s", diff);
    }
    if (line->error_ticks == CLOCK_ERROR_UNKNOWN) {
        g_snprintf(insert + used, size - used, " [+-?]");
    } else if (line->error_ticks > 0) {
        scale = line->input->input->scale;
        scale.ns_offset = 0;
        g_snprintf(insert + used, size - used, " [+-%" G_GUINT64_FORMAT "%s]",
                   timeline_scale_apply(&scale, line->error_ticks),
                   scale.unit == TIMELINE_TICKS ? "" : "ns");
    }
    return insert;
}

void text_batch_format(TextBatch *batch, bool show_diff, EventScratch *scratch)
{
    PrintText *text = &batch->text;
    char buffer[96];

    text->next = text->start;
    for (uint32_t i = 0; i < batch->n_lines; i++) {
        const TextLine *line = &batch->lines[i];

        if (line->missed_events != 0) {
            format_loss(line, text);
        }
        print_text_append(text, line->input->label, line->input->label_size);
        event_line_print(&line->event, &line->input->style,
                         format_insert(line, show_diff, buffer, sizeof(buffer)),
                         scratch, text);
        print_text_char(text, '\n');
    }
    batch->n_lines = 0;
    batch->used_bytes = 0;
}
