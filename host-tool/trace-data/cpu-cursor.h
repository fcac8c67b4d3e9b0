/*
 * CpuCursor: the events of one CPU of one file, in order, on a common line.
 *
 * Holds one window of the file, where the events stand; one that it hands out
 * stays valid until the next call.
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
#include "trace-data/page-walk.h"

typedef struct CpuEvent {
    uint64_t ticks;      /* as recorded */
    uint64_t line_ticks; /* on the common line: the host's TSC */
    /* line_ticks may be off by this much; CLOCK_ERROR_UNKNOWN: by anything. */
    uint64_t error_ticks;
    int64_t missed_events; /* lost before it: 0, a count, or -1 unknown */
    const uint8_t *data;
    uint32_t size_bytes;
    bool loss_follows; /* events were lost after it on this CPU */
} CpuEvent;

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
 * The same of many at once, for who needs speed: events up to last_line_ticks,
 * max_events at most, into an array where they begin stride_bytes apart.  Ends
 * where other pages must be read, as those that are left are used again.
 */
size_t cpu_cursor_read(CpuCursor *cursor, uint64_t last_line_ticks,
                       CpuEvent *events, size_t stride_bytes,
                       size_t max_events);
/* Reads other pages where it has to.  False at the end of the CPU's data. */
bool cpu_cursor_advance(CpuCursor *cursor);

/*
 * From now on, where *left is not NULL, the pages in hand aren't used again
 * when they are left, but go there, and *left becomes NULL: their events stay
 * as long as they are held.  Other pages, of which nobody says so, don't.
 */
void cpu_cursor_keep(CpuCursor *cursor, GPtrArray **left);

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

/*
 * What is below is in the header for speed: it runs once for each event.
 *
 * Most events are plain: nothing but their time is to be told of them, and
 * another record follows in the page.  Who reads those in a loop of its own,
 * and only the others by cpu_cursor_read(), has the events where it wants
 * them at once.
 */

/* The head of a cursor. */
typedef struct CpuStretch {
    PageWalk walk;           /* through the page in hand */
    bool is_open;            /* what comes next may be plain */
    uint64_t line_add_ticks; /* makes line ticks of the page's, modulo 2^64 */
    uint64_t error_ticks;
    bool is_known;       /* the next event is at: */
    uint64_t next_ticks; /* of the line */
} CpuStretch;

static inline CpuStretch *cpu_cursor_stretch(CpuCursor *cursor)
{
    return (CpuStretch *)cursor;
}

bool cpu_cursor_look(CpuCursor *cursor, uint64_t *line_ticks);

/* Of the next event; false where cpu_cursor_advance() has to find it. */
static inline bool cpu_cursor_peek(CpuCursor *cursor, uint64_t *line_ticks)
{
    const CpuStretch *stretch = cpu_cursor_stretch(cursor);

    *line_ticks = stretch->next_ticks;
    return stretch->is_known || cpu_cursor_look(cursor, line_ticks);
}

/* A record of up to 28 words, with room for another header behind it. */
typedef struct PlainRecord {
    const uint8_t *data;
    uint32_t size_bytes;
    uint32_t delta_ticks;
} PlainRecord;

/* last is where the last header of the page can stand. */
static inline bool plain_record_load(PlainRecord *record, const uint8_t *at,
                                     const uint8_t *last)
{
    uint32_t header = page_load_u32(at);
    uint32_t type = header & ((1u << PAGE_TYPE_BITS) - 1);

    record->data = at + PAGE_WORD_BYTES;
    record->size_bytes = type * PAGE_WORD_BYTES;
    record->delta_ticks = header >> PAGE_TYPE_BITS;
    return type - 1 < PAGE_TYPE_DATA_MAX &&
           record->data + record->size_bytes <= last;
}

/* A way through a stretch; begins, goes on and ends with the next three. */
typedef struct PlainWalk {
    PlainRecord record; /* the next one */
    const uint8_t *last;
    uint64_t line_ticks; /* of the event before it */
    uint64_t line_add_ticks;
    uint64_t error_ticks;
} PlainWalk;

/* False when the next event isn't plain. */
static inline bool plain_walk_begin(PlainWalk *walk, CpuStretch *stretch)
{
    const PageWalk *page = &stretch->walk;

    stretch->is_known = false;
    if (!stretch->is_open || page->end - page->next < PAGE_WORD_BYTES) {
        return false;
    }
    walk->last = page->end - PAGE_WORD_BYTES;
    walk->line_add_ticks = stretch->line_add_ticks;
    walk->line_ticks = page->ticks + stretch->line_add_ticks;
    walk->error_ticks = stretch->error_ticks;
    return plain_record_load(&walk->record, page->next, walk->last);
}

/* False when the next event isn't plain, or after last_line_ticks. */
static inline bool plain_walk_next(PlainWalk *walk, uint64_t last_line_ticks,
                                   CpuEvent *event)
{
    const PlainRecord record = walk->record;
    uint64_t line_ticks = walk->line_ticks + record.delta_ticks;

    if (line_ticks > last_line_ticks ||
        !plain_record_load(&walk->record, record.data + record.size_bytes,
                           walk->last)) {
        walk->record = record;
        return false;
    }
    walk->line_ticks = line_ticks;
    event->ticks = line_ticks - walk->line_add_ticks;
    event->line_ticks = line_ticks;
    event->error_ticks = walk->error_ticks;
    event->missed_events = PAGE_MISSED_NONE;
    event->data = record.data;
    event->size_bytes = record.size_bytes;
    event->loss_follows = false;
    return true;
}

static inline void plain_walk_end(const PlainWalk *walk, CpuStretch *stretch)
{
    stretch->is_known = true;
    stretch->next_ticks = walk->line_ticks + walk->record.delta_ticks;
    stretch->walk.next = walk->record.data - PAGE_WORD_BYTES;
    stretch->walk.ticks = walk->line_ticks - walk->line_add_ticks;
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CpuCursor, cpu_cursor_free)

#endif
