/*
 * EventText: lines of text one at a time, for who prints a few of them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/event-text.h"

struct EventText {
    EventOrder *order;
    EventScratch *scratch;
    PrintText text; /* reused */
};

EventText *event_text_new(void)
{
    EventText *text = g_new0(EventText, 1);

    text->order = event_order_new();
    text->scratch = event_scratch_new();
    return text;
}

void event_text_free(EventText *text)
{
    if (text) {
        event_order_free(text->order);
        event_scratch_free(text->scratch);
        print_text_clear(&text->text);
        g_free(text);
    }
}

void event_text_append(EventText *text, EventTable *table, GString *line,
                       const EventTextStyle *style, unsigned cpu, uint64_t time,
                       const uint8_t *data, size_t size_bytes)
{
    EventLine event = {
        .data = data,
        .size_bytes = (uint32_t)MIN(size_bytes, UINT32_MAX),
        .cpu = cpu,
        .time = time,
    };

    text->text.next = text->text.start;
    event_order_add(text->order, table, &event);
    event_line_print(&event, style, "", text->scratch, &text->text);
    g_string_append_len(line, text->text.start,
                        (gssize)print_text_size(&text->text));
}
