/*
 * DatWriter: an ordinary version 6 trace.dat file from a machine's stream.
 *
 * The texts are gathered in memory, within the limits below; then the head
 * is written in one go, and the pages go straight to their places, in any
 * order of CPUs.  trace-cmd.dat.v6(5) describes the file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DAT_WRITER_H
#define DAT_WRITER_H

#include <glib.h>
#include <stdint.h>

#include "limits/limits.h"
#include "qga/trace-stream.h"

/*
 * One sample of TIME_SHIFT: host ticks = guest ticks + offset_ticks.  Where a
 * ratio was read, the guest's TSC is scaled: guest ticks = (host ticks * ratio
 * >> frac_bits) - offset_ticks.
 */
typedef struct DatTimeShift {
    uint64_t from_guest_ticks;
    int64_t offset_ticks;
    uint64_t ratio; /* 0: none; DatWriter writes none */
    uint32_t frac_bits;
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
    uint64_t trace_id;      /* TRACEID; 0: the stream's own */
    GPtrArray *guests;      /* of DatGuest; host only, else NULL */
    uint64_t peer_trace_id; /* the host's, for TIME_SHIFT */
    gboolean interpolates;  /* read only: between samples, offsets change as
                               on a straight line */
    GPtrArray *time_shifts; /* of GArray of DatTimeShift, by guest CPU number;
                               NULL: no TIME_SHIFT option.  A NULL or empty
                               GArray leaves its CPU unshifted */
} DatOptions;

#define DAT_MAX_HEADER_BYTES (64u << 10) /* header_page, header_event */
#define DAT_MAX_CLOCK_BYTES  (4u << 10)

typedef struct DatWriter DatWriter;

/*
 * A text above its limit, with a NUL inside, or of an event without a proper
 * name ([A-Za-z0-9_.-]) is left out of the file, and noted.  limits outlive
 * the writer.
 */
DatWriter *dat_writer_new(const TraceHello *hello, const Limits *limits);
void dat_writer_free(DatWriter *writer);

/*
 * One piece of a text; pieces of the same kind and name are joined.  Unknown
 * kinds are ignored.
 */
void dat_writer_add_text(DatWriter *writer, TraceMetaKind kind,
                         const char *name, const char *text, size_t text_bytes);

/* What the kernel counted for one CPU, for readers that show it (CPUSTAT). */
void dat_writer_add_stats(DatWriter *writer, const TraceCpuStats *stats);

/*
 * Write the head to fd, which must be seekable, empty and outlive the writer.
 * pages[N] is how many pages CPU N will get, for N below cpu_slots.  Fails
 * before it writes when the file would be larger than the limit of outputs.
 */
gboolean dat_writer_start(DatWriter *writer, int fd, const DatOptions *options,
                          const uint64_t *pages, uint32_t cpu_slots,
                          GError **error);

/*
 * The next page of a CPU; the missing tail is filled with zeros.  The bytes
 * must stay where they are until dat_writer_flush().
 */
gboolean dat_writer_add_page(DatWriter *writer, uint32_t cpu, const void *page,
                             uint32_t size, GError **error);
gboolean dat_writer_flush(DatWriter *writer, GError **error);

/* The size of the finished file; valid after dat_writer_start(). */
uint64_t dat_writer_bytes(const DatWriter *writer);

/* What was left out or made up, of char *, one sentence each. */
const GPtrArray *dat_writer_notes(const DatWriter *writer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DatWriter, dat_writer_free)

#endif
