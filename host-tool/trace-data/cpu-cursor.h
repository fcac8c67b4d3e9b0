/*
 * CpuCursor: the events of one CPU of one file, in order, on a common line.
 *
 * Reads a bounded window of the file at a time; what it hands out stays
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
 * every line tick, modulo 2^64.  Damage is reported once per page range
 * through dat->problems.
 */
CpuCursor *cpu_cursor_new(DatFile *dat, unsigned cpu, const ClockTrack *track,
                          int64_t shift_ticks);
void cpu_cursor_free(CpuCursor *cursor);

/* False at the end of the CPU's data. */
bool cpu_cursor_next(CpuCursor *cursor, CpuEvent *event);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CpuCursor, cpu_cursor_free)

#endif
