/*
 * CpuCursor: the events of one CPU of one file, in order, on a common line.
 *
 * Holds one window of the file and its decoded pages; an event that it hands
 * out stays valid until the next call.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CPU_CURSOR_H
#define CPU_CURSOR_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#include "clock/clock-track.h"
#include "trace-data/dat-file.h"

typedef struct CpuEvent {
    uint64_t ticks;      /* as recorded */
    uint64_t line_ticks; /* on the common line: the host's TSC */
    /* line_ticks may be off by this much; CLOCK_ERROR_UNKNOWN: by anything. */
    uint64_t error_ticks;
    int64_t missed_events; /* lost before it: 0, a count, or -1 unknown */
    bool loss_follows;     /* events were lost after it on this CPU */
    const uint8_t *data;
    uint32_t size_bytes;
} CpuEvent;

/* One decoded event of a batch. */
typedef struct CpuEntry {
    uint64_t line_ticks;
    uint32_t offset_bytes; /* of its data, from the first page on */
    uint32_t size_bytes;
} CpuEntry;

struct PageBuffer;

/*
 * Events of one or more pages that have not been handed out, for who needs
 * speed: to look at the next one costs a load.  Starts as all zeros; its owner
 * clears it in the end.
 */
typedef struct CpuBatch {
    const CpuEntry *next;
    const CpuEntry *end;
    const uint8_t *page;
    /* How the ticks were recorded: this much less, or one by one. */
    uint64_t line_add_ticks;
    uint64_t error_ticks;
    const uint64_t *ticks;  /* of end[-1] and before it; NULL: see above */
    const uint64_t *errors; /* likewise */
    int64_t missed_events;  /* before next */
    bool loss_follows;      /* end[-1] */
    /* What the events stand in; the batch's own. */
    struct PageBuffer *pages;
    CpuEntry *entries; /* with room for max_entries */
    guint n_entries;
    guint max_entries;
    GArray *tick_array;  /* of uint64_t; NULL until it is needed */
    GArray *error_array; /* likewise */
} CpuBatch;

void cpu_batch_clear(CpuBatch *batch);

/*
 * One of the batch's events, of which there is nothing special to tell: no
 * losses around it, and no ticks and errors one by one.
 */
static inline void cpu_batch_look(const CpuBatch *batch, const CpuEntry *entry,
                                  CpuEvent *event)
{
    event->line_ticks = entry->line_ticks;
    event->data = batch->page + entry->offset_bytes;
    event->size_bytes = entry->size_bytes;
    event->ticks = entry->line_ticks - batch->line_add_ticks;
    event->error_ticks = batch->error_ticks;
    event->missed_events = 0;
    event->loss_follows = false;
}

/* Any event of the batch, in their order: what was missed is told once. */
static inline void cpu_batch_read(CpuBatch *batch, const CpuEntry *entry,
                                  CpuEvent *event)
{
    cpu_batch_look(batch, entry, event);
    if (batch->ticks) {
        event->ticks = batch->ticks[entry - batch->end];
        event->error_ticks = batch->errors[entry - batch->end];
    }
    event->missed_events = batch->missed_events;
    batch->missed_events = 0;
    event->loss_follows = entry + 1 == batch->end && batch->loss_follows;
}

/* Takes the batch's next event, which there must be. */
static inline void cpu_batch_take(CpuBatch *batch, CpuEvent *event)
{
    cpu_batch_read(batch, batch->next++, event);
}

typedef struct CpuCursor CpuCursor;

/*
 * dat stays the caller's and must outlive the cursor.  track maps this CPU's
 * ticks to the line; NULL leaves them as they are.  shift_ticks is added to
 * every line tick, modulo 2^64.  Damage is reported through dat's problems,
 * once for each run of damaged pages.
 */
CpuCursor *cpu_cursor_new(DatFile *dat, unsigned cpu, const ClockTrack *track,
                          int64_t shift_ticks);
void cpu_cursor_free(CpuCursor *cursor);

/* False at the end of the CPU's data. */
bool cpu_cursor_next(CpuCursor *cursor, CpuEvent *event);

/*
 * Fills a batch with all that is left of the pages in hand, or else of the
 * next ones with events: at least one.  They count as handed out, and stay as
 * long as the batch holds them.  False at the end, when it holds none.
 */
bool cpu_cursor_next_batch(CpuCursor *cursor, CpuBatch *batch);

/*
 * Moves to the first event at or after line_ticks, forward or back.  Where
 * one clock map holds for the whole recording this reads a few pages, found
 * by their stamps; else everything before is placed again.
 */
void cpu_cursor_seek(CpuCursor *cursor, uint64_t line_ticks);

/* Can a page be placed on the line without those before it? */
bool cpu_cursor_is_seekable(const CpuCursor *cursor);

/*
 * The pages that the events stand in, from 0 on: for walks from the end.
 * first_ticks is where the page begins and last_ticks its last event, on the
 * line.  False when the page has no event.  Of seekable cursors only.
 */
typedef struct CpuPage {
    uint64_t first_ticks;
    uint64_t last_ticks;
    uint64_t n_events;
} CpuPage;

uint64_t cpu_cursor_page_count(CpuCursor *cursor);
bool cpu_cursor_read_page(CpuCursor *cursor, uint64_t number, CpuPage *page);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CpuCursor, cpu_cursor_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CpuBatch, cpu_batch_clear)

#endif
