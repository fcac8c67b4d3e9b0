/*
 * TextBatch: a stretch of the timeline, copied to be formatted by a thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TEXT_BATCH_H
#define TEXT_BATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#include "merge/timeline.h"
#include "trace-data/event-line.h"

/* What the lines of one input have in common. */
typedef struct TextInput {
    const TimelineInput *input;
    char *label; /* what stands in front, "" when there is one input */
    size_t label_size;
    char *loss_label; /* the same in front of a line about a loss */
    EventTextStyle style;
    /* The line of the batch in hand that may yet be joined to its return. */
    bool is_pending;
    uint32_t pending_line;
} TextInput;

/* One event, with all that earlier ones had to tell. */
typedef struct TextLine {
    EventLine event;
    const TextInput *input;
    uint64_t error_ticks;
    int64_t missed_events;
    int64_t diff; /* to the line before, where has_diff */
    bool has_diff;
} TextLine;

typedef struct TextBatch {
    TextLine *lines;
    uint32_t n_lines;
    uint8_t *bytes; /* the records */
    size_t used_bytes;
    size_t room_bytes;
    PrintText text; /* the result */
} TextBatch;

/* Lines are at most so many, of which the last few are kept for returns. */
#define TEXT_BATCH_LINES 1024
#define TEXT_BATCH_SPARE 64

void text_batch_init(TextBatch *batch);
void text_batch_clear(TextBatch *batch);

/* Room for one more record of this size? */
bool text_batch_has_room(const TextBatch *batch, size_t size_bytes);
/* A copy of the record; there must be room, or the batch be empty. */
const uint8_t *text_batch_copy(TextBatch *batch, const uint8_t *data,
                               size_t size_bytes);

/* Empties the batch into its text.  show_diff: the column of differences. */
void text_batch_format(TextBatch *batch, bool show_diff, EventScratch *scratch);

#endif
