/*
 * The trace stream: what a recorder sends for one machine.
 *
 * This header is the wire format and nothing else, so that the encoder (qga/)
 * and the decoder (host-tool/) cannot drift apart.  docs/trace-stream.md is
 * its prose, enough to write another implementation.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TRACE_STREAM_H
#define TRACE_STREAM_H

#include <stdint.h>

/*
 * Everything is little-endian.  A stream is a sequence of frames: a header,
 * length_bytes of payload, then zero bytes up to a multiple of
 * TRACE_STREAM_ALIGN_BYTES.  The first frame is HELLO, the last is END; a
 * stream without END was cut short.
 */
#define TRACE_STREAM_MAGIC       UINT32_C(0x31465451) /* "QTF1" */
#define TRACE_STREAM_VERSION     1
#define TRACE_STREAM_ALIGN_BYTES 8

/* Caps, checked by the decoder before it allocates anything. */
#define TRACE_STREAM_MAX_PAYLOAD_BYTES (1u << 20)
#define TRACE_STREAM_MAX_CPUS          4096
/* Largest sub-buffer that a kernel can be asked for (buffer_subbuf_size_kb). */
#define TRACE_STREAM_MAX_PAGE_BYTES (512u << 10)
#define TRACE_STREAM_NO_CPU         UINT32_MAX
/* The APIC id of a CPU that does not tell it. */
#define TRACE_STREAM_NO_APIC_ID UINT32_MAX

typedef enum TraceFrameType {
    TRACE_FRAME_HELLO = 1, /* TraceHello, then cpu_count TraceHelloCpu */
    TRACE_FRAME_META = 2,  /* TraceMeta, name, then a piece of the text */
    TRACE_FRAME_PAGE = 3,  /* one sub-buffer, header included */
    TRACE_FRAME_LOSS = 4,  /* one TraceCpuStats: cumulative, so far */
    TRACE_FRAME_END = 5,   /* cpu_count TraceCpuStats: the final totals */
} TraceFrameType;

typedef struct TraceFrameHeader {
    uint32_t magic;        /* TRACE_STREAM_MAGIC */
    uint16_t type;         /* TraceFrameType */
    uint16_t flags;        /* 0 */
    uint32_t cpu;          /* PAGE and LOSS: guest CPU; else NO_CPU */
    uint32_t length_bytes; /* of the payload, without its padding */
    uint64_t sequence;     /* 0 for HELLO, then one more for each frame */
} TraceFrameHeader;

/*
 * Strings are NUL-terminated inside their arrays.  The recorder cuts what is
 * longer; the decoder refuses an unterminated one.
 */
typedef struct TraceHello {
    uint32_t version;    /* TRACE_STREAM_VERSION */
    uint32_t page_bytes; /* of one sub-buffer, header included */
    uint32_t cpu_count;  /* entries that follow, 1 to TRACE_STREAM_MAX_CPUS */
    uint32_t long_bytes; /* sizeof(long) of the traced kernel: 4 or 8 */
    uint64_t trace_id;   /* random, non-zero: names this recording */
    char boot_id[40];    /* /proc/sys/kernel/random/boot_id */
    char clock[24];      /* the trace clock in use: "x86-tsc" */
    char release[80];    /* uname -r */
    char hostname[80];   /* uname -n */
} TraceHello;

typedef struct TraceHelloCpu {
    uint32_t cpu;     /* the kernel's CPU number */
    uint32_t apic_id; /* from /proc/cpuinfo, or TRACE_STREAM_NO_APIC_ID */
} TraceHelloCpu;

typedef enum TraceMetaKind {
    TRACE_META_HEADER_PAGE = 1,    /* events/header_page */
    TRACE_META_HEADER_EVENT = 2,   /* events/header_event */
    TRACE_META_EVENT_FORMAT = 3,   /* name is "SYSTEM/EVENT" */
    TRACE_META_KALLSYMS = 4,       /* /proc/kallsyms */
    TRACE_META_PRINTK_FORMATS = 5, /* printk_formats */
    TRACE_META_CMDLINES = 6,       /* "PID COMM\n" lines; later ones win */
    TRACE_META_TRACE_CLOCK = 7,    /* trace_clock, brackets included */
    TRACE_META_FREEZE = 8,         /* one TraceFreeze: tracing is off */
} TraceMetaKind;

/*
 * A text longer than one frame comes in several META frames of the same kind
 * and name; the pieces are joined in order.
 */
typedef struct TraceMeta {
    uint16_t kind;       /* TraceMetaKind */
    uint16_t name_bytes; /* with its NUL; 0 for no name */
    uint32_t reserved;   /* 0 */
} TraceMeta;

/* Why tracing was turned off. */
typedef enum TraceFreezeCause {
    TRACE_FREEZE_NONE = 0,
    TRACE_FREEZE_HOST = 1,        /* the host said so */
    TRACE_FREEZE_SIGNAL = 2,      /* the recorder was told to end */
    TRACE_FREEZE_COMMAND = 3,     /* the recorded command ended */
    TRACE_FREEZE_TRACING_OFF = 4, /* somebody turned this machine's tracing
                                     off, as cyclictest -b does */
    TRACE_FREEZE_TRACER = 5,      /* the kernel turned the recording itself
                                     off, as timerlat's stop_tracing_us does */
    TRACE_FREEZE_MARKER = 6,      /* the text waited for was written to
                                     trace_marker */
} TraceFreezeCause;

/*
 * The end of a recording that held its events in the buffers.  Tracing went
 * off between the two readings of this machine's own TSC.
 */
typedef struct TraceFreeze {
    uint64_t from_ticks;
    uint64_t to_ticks;
    uint32_t cause;    /* TraceFreezeCause */
    uint32_t reserved; /* 0 */
} TraceFreeze;

/*
 * A PAGE payload may leave out the zero bytes at the sub-buffer's end: the
 * decoder fills it up to page_bytes.
 */

/*
 * Counted by the kernel (per_cpu/cpuN/stats of the instance), not by us, so
 * that for each CPU: events written = read + overrun + dropped + unread.
 */
typedef struct TraceCpuStats {
    uint32_t cpu;
    uint32_t reserved;              /* 0 */
    uint64_t read_events;           /* handed to the recorder and sent */
    uint64_t overrun_events;        /* overwritten before they were read */
    uint64_t commit_overrun_events; /* lost to nesting, see ring_buffer.c */
    uint64_t dropped_events;        /* refused because the buffer was full */
    uint64_t unread_events;         /* still in the buffer when time was up */
    uint64_t pages;                 /* PAGE frames sent */
} TraceCpuStats;

_Static_assert(sizeof(TraceFrameHeader) == 24, "wire format");
_Static_assert(sizeof(TraceHello) == 248, "wire format");
_Static_assert(sizeof(TraceHelloCpu) == 8, "wire format");
_Static_assert(sizeof(TraceMeta) == 8, "wire format");
_Static_assert(sizeof(TraceFreeze) == 24, "wire format");
_Static_assert(sizeof(TraceCpuStats) == 56, "wire format");

#endif
