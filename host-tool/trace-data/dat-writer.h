/*
 * DatWriter: an ordinary version 6 trace.dat file from a machine's stream.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DAT_WRITER_H
#define DAT_WRITER_H

#include <glib.h>
#include <stdint.h>

/* One sample of TIME_SHIFT: host ticks = guest ticks + offset_ticks. */
typedef struct DatTimeShift {
    uint64_t from_guest_ticks;
    int64_t offset_ticks;
} DatTimeShift;

/* The GUEST option: one guest of a host's file. */
typedef struct DatGuest {
    char *name;
    uint64_t trace_id;
    GArray *threads; /* of int32_t: host tid of guest CPU 0, 1, ...; 0: none */
} DatGuest;

/* What a trace.dat says of its place in the session. */
typedef struct DatOptions {
    uint32_t tsc_mult; /* TSC2NSEC; none is written when 0 */
    uint32_t tsc_shift;
    uint64_t trace_id;      /* TRACEID */
    GPtrArray *guests;      /* of DatGuest; host only, else NULL */
    uint64_t peer_trace_id; /* the host's, for TIME_SHIFT */
    GPtrArray *time_shifts; /* of GArray of DatTimeShift, by guest CPU number;
                               NULL: no TIME_SHIFT option */
} DatOptions;

#endif
