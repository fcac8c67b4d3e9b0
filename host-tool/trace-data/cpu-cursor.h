/*
 * CpuCursor: the events of one CPU of one file, in order, on a common line.
 *
 * Holds one window of the file and one decoded page; what it hands out stays
 * valid until the next call.
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
 * The line tick of the event that cpu_cursor_next() will hand out; false at
 * the end.  What was handed out before is no longer valid.
 */
bool cpu_cursor_peek(CpuCursor *cursor, uint64_t *line_ticks);

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

#endif
