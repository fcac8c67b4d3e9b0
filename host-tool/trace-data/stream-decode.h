/*
 * StreamDecoder: one machine's trace stream, frame by frame.
 *
 * A pure function over bytes: no I/O, no allocation, no logging.  The bytes
 * come from a guest and are hostile; this is what the fuzzer drives.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STREAM_DECODE_H
#define STREAM_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits/limits.h"
#include "qga/trace-stream.h"

/*
 * Everything from STREAM_BAD_MAGIC on means that the stream is damaged from
 * here: what was decoded before stands, nothing after it can be trusted.
 *
 * Version 1 refuses what it does not know: a frame type or a flag that is not
 * in trace-stream.h is damage, for without a version that announces it
 * nothing tells it from a frame boundary that slipped.  Unknown kinds of META
 * text are harmless and passed on.  Reserved members are ignored.
 */
typedef enum StreamStatus {
    STREAM_FRAME,     /* a frame was decoded */
    STREAM_NEED_MORE, /* give at least decoder.need_bytes from here on */
    STREAM_END,       /* the END frame was seen and nothing follows it */
    STREAM_BAD_MAGIC,
    STREAM_BAD_TYPE,
    STREAM_BAD_FLAGS,
    STREAM_BAD_LENGTH,
    STREAM_BAD_PADDING,
    STREAM_BAD_SEQUENCE,
    STREAM_BAD_VERSION,
    STREAM_BAD_PAGE_SIZE,
    STREAM_BAD_LONG_SIZE,
    STREAM_BAD_TRACE_ID,
    STREAM_BAD_STRING,    /* not terminated inside its array */
    STREAM_BAD_CPU_COUNT, /* 0, or more than there can be */
    STREAM_BAD_CPU,       /* not announced, announced twice, or too high */
    STREAM_NO_HELLO,      /* a frame before HELLO */
    STREAM_SECOND_HELLO,
    STREAM_AFTER_END, /* bytes after the END frame */
    /* Above a limit that was set. */
    STREAM_FRAME_TOO_LARGE,
    STREAM_PAGE_TOO_LARGE,
    STREAM_TOO_MANY_CPUS,
} StreamStatus;

typedef struct StreamDecoder {
    size_t need_bytes; /* valid after STREAM_NEED_MORE, else 0 */
    /* From HELLO; 0 before it. */
    uint32_t page_bytes;
    uint32_t long_bytes;
    uint32_t cpu_count;
    /* Private. */
    const Limits *limits;
    uint64_t next_sequence;
    bool ended;
    uint64_t known_cpus[TRACE_STREAM_MAX_CPUS / 64];
} StreamDecoder;

/*
 * A decoded frame.  Pointers point into the caller's bytes, unaligned, and
 * live as long as these do.
 */
typedef struct StreamFrame {
    TraceFrameType type;
    uint32_t cpu;           /* PAGE and LOSS, else TRACE_STREAM_NO_CPU */
    const uint8_t *payload; /* PAGE: the sub-buffer, zero tail left out */
    uint32_t length_bytes;
    /* META */
    uint16_t meta_kind;
    const char *meta_name; /* terminated; "" when there is none */
    const char *meta_text; /* not terminated */
    uint32_t meta_text_bytes;
} StreamFrame;

/*
 * The limits of frame, page and number of CPUs hold, none of which can be
 * above the format's own; they are the caller's, and outlive the decoder.
 */
void stream_decoder_init(StreamDecoder *decoder, const Limits *limits);

/*
 * Decode the frame at the start of bytes.  On STREAM_FRAME, *frame is filled
 * and *used is what it takes, padding included; otherwise *used is 0.
 * A frame never needs more than STREAM_MAX_FRAME_BYTES at once.  After an
 * error the decoder must not be used again.
 */
#define STREAM_MAX_FRAME_BYTES \
    (sizeof(TraceFrameHeader) + TRACE_STREAM_MAX_PAYLOAD_BYTES)
StreamStatus stream_decode(StreamDecoder *decoder, const uint8_t *bytes,
                           size_t size, StreamFrame *frame, size_t *used);

/* The fixed-size parts of a frame; index is below the decoder's cpu_count. */
TraceHello stream_frame_hello(const StreamFrame *hello);
TraceHelloCpu stream_frame_hello_cpu(const StreamFrame *hello, uint32_t index);
/* LOSS has one entry, END cpu_count of them. */
TraceCpuStats stream_frame_stats(const StreamFrame *frame, uint32_t index);

/* "a frame has no valid magic number", ...; a constant, never NULL. */
const char *stream_status_text(StreamStatus status);

#endif
