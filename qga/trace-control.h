/*
 * Trace control: what host and recorder say to each other beside the stream.
 *
 * This header is the wire format and nothing else, as trace-stream.h is for
 * the stream; docs/trace-control.md is its prose.  All messages have one fixed
 * size, so that a reader needs no length that the other side chooses.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TRACE_CONTROL_H
#define TRACE_CONTROL_H

#include <stdint.h>

/* Little-endian.  Strings are NUL-terminated inside their arrays. */
#define TRACE_CONTROL_MAGIC   UINT32_C(0x31435451) /* "QTC1" */
#define TRACE_CONTROL_VERSION 1

typedef enum TraceControlKind {
    /* From the recorder, in front of its stream. */
    TRACE_CONTROL_REQUEST = 1, /* asks for a joint recording */
    /* From the host, as answers to a request. */
    TRACE_CONTROL_PENDING = 16, /* it is understood, the host prepares */
    TRACE_CONTROL_GRANTED = 17, /* the host records: send the stream now */
    TRACE_CONTROL_REFUSED = 18, /* text says why; nothing is recorded */
    TRACE_CONTROL_DONE = 19,    /* all is stored; text names the session */
    /* From the host, at any time. */
    TRACE_CONTROL_HOLD = 32,  /* keep events in the buffers until the end;
                                 text: a stop marker, or empty */
    TRACE_CONTROL_STOP = 33,  /* turn tracing off now; text says why */
    TRACE_CONTROL_WATCH = 34, /* ... when the process ends whose id is text */
} TraceControlKind;

/* Flags of a REQUEST. */
#define TRACE_CONTROL_SNAPSHOT UINT32_C(1) /* a flight recording */

typedef struct TraceControl {
    uint32_t magic;   /* TRACE_CONTROL_MAGIC */
    uint16_t version; /* TRACE_CONTROL_VERSION */
    uint16_t kind;    /* TraceControlKind */
    /*
     * REQUEST: random, non-zero.  Answers and the STOP of a requested
     * recording repeat it, so that an answer to somebody else is not taken
     * for one's own; 0 otherwise.
     */
    uint64_t id;
    uint32_t flags;
    uint32_t duration_ms; /* REQUEST: at most so long, 0: the host decides;
                             GRANTED: the host's limit, 0: none */
    char text[256];       /* REQUEST: the command's name, for the host's log */
    char events[1024];    /* REQUEST: the host's events wanted, one a line;
                             empty: the host's default; else empty */
} TraceControl;

_Static_assert(sizeof(TraceControl) == 1304, "wire format");

#endif
