/*
 * stream_to_dat(): a stored stream becomes a trace.dat file.
 *
 * Runs where the stream's bytes are parsed: in a confined process, on two
 * descriptors that are open already.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STREAM_TO_DAT_H
#define STREAM_TO_DAT_H

#include <glib.h>
#include <stdint.h>

#include "limits/limits.h"
#include "qga/trace-stream.h"
#include "trace-data/dat-writer.h"

/* What a stream says of its machine, and how far it goes. */
typedef struct StreamSummary {
    TraceHello hello;      /* strings as the guest sent them: not clean */
    GArray *cpus;          /* of TraceHelloCpu, as HELLO has them */
    GArray *stats;         /* of TraceCpuStats, in the order of cpus: from END,
                              else the last LOSS, else zeros; but pages is what
                              was received */
    TraceFreeze freeze;    /* all zeros if the stream has none */
    gboolean ended;        /* the stream has its END frame */
    uint64_t stream_bytes; /* up to where it could be read */
    uint64_t dat_bytes;
    GPtrArray *notes; /* of char *, one clean sentence each: what is missing
                         or odd; empty if all is well */
} StreamSummary;

StreamSummary *stream_summary_new(void);
void stream_summary_free(StreamSummary *summary);

/*
 * A page frame may leave out its zero tail, so a small hostile stream could
 * ask for a huge file.  What goes beyond this is cut off, and noted.
 */
#define DAT_MAX_GROWTH_BYTES (UINT64_C(256) << 20)

uint64_t stream_max_dat_bytes(uint64_t stream_bytes, const Limits *limits);

/*
 * Read stream_fd from its start, twice, with pread(), and write the file to
 * dat_fd, which is empty and seekable.  A stream that breaks off or is damaged
 * gives a valid file of everything before that, and a note.  Fails without a
 * whole HELLO, or when a file cannot be read or written.  Memory is bounded
 * by the limit of texts and a few MiB.
 */
StreamSummary *stream_to_dat(int stream_fd, int dat_fd,
                             const DatOptions *options, const Limits *limits,
                             GError **error);

/* HELLO only; stats is all zeros. */
StreamSummary *stream_read_hello(int stream_fd, const Limits *limits,
                                 GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StreamSummary, stream_summary_free)

#endif
