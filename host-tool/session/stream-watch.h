/*
 * StreamWatch: how a stream goes on, told from its frames' headers while it is
 * stored.
 *
 * Runs where a guest's bytes are stored with privilege, so it is as small as
 * it can be: a state machine over bytes that keeps one header and one fixed
 * payload, allocates nothing, and whose worst answer to a hostile stream is a
 * wrong number.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STREAM_WATCH_H
#define STREAM_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qga/trace-stream.h"

/* CPUs with a higher number are not counted. */
#define STREAM_WATCH_MAX_CPUS 1024

typedef struct StreamWatch {
    /* What was seen so far. */
    bool is_broken; /* no frame where one should begin: watched no longer */
    bool is_frozen; /* a FREEZE: the machine's tracing is off */
    bool is_ended;  /* the END frame is complete */
    uint64_t frames;
    uint64_t events; /* by the LOSS frames, so only about */
    uint64_t lost_events;
    TraceFreezeCause cause; /* of the freeze */
    /* Private. */
    uint8_t head[sizeof(TraceFrameHeader) + sizeof(TraceMeta) +
                 sizeof(TraceCpuStats)];
    size_t head_bytes;
    uint64_t skip_bytes; /* rest of the frame after the head */
    uint64_t cpu_events[STREAM_WATCH_MAX_CPUS];
    uint64_t cpu_lost[STREAM_WATCH_MAX_CPUS];
} StreamWatch;

void stream_watch_init(StreamWatch *watch);

/* Takes in the next bytes of the stream. */
void stream_watch_feed(StreamWatch *watch, const uint8_t *bytes, size_t size);

#endif
