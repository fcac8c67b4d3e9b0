/*
 * StreamWatch: how a stream goes on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/stream-watch.h"

#include <string.h>

void stream_watch_init(StreamWatch *watch)
{
    memset(watch, 0, sizeof(*watch));
}

static uint64_t padded(uint64_t bytes)
{
    return (bytes + TRACE_STREAM_ALIGN_BYTES - 1) &
           ~(uint64_t)(TRACE_STREAM_ALIGN_BYTES - 1);
}

/* How much of a frame is looked at, its header included. */
static size_t wanted_bytes(const TraceFrameHeader *header)
{
    size_t length = sizeof(*header) + header->length_bytes;

    switch (header->type) {
    case TRACE_FRAME_LOSS:
        return header->length_bytes == sizeof(TraceCpuStats) ? length
                                                             : sizeof(*header);
    case TRACE_FRAME_META:
        return header->length_bytes == sizeof(TraceMeta) + sizeof(TraceFreeze)
                   ? length
                   : sizeof(*header);
    default:
        return sizeof(*header);
    }
}

static void take_loss(StreamWatch *watch)
{
    TraceCpuStats stats;
    uint64_t events, lost;

    memcpy(&stats, watch->head + sizeof(TraceFrameHeader), sizeof(stats));
    if (stats.cpu >= STREAM_WATCH_MAX_CPUS) {
        return;
    }
    /* Wraps where a guest lies, and that is all it does. */
    lost = stats.overrun_events + stats.commit_overrun_events +
           stats.dropped_events;
    events = stats.read_events + stats.unread_events;
    watch->events += events - watch->cpu_events[stats.cpu];
    watch->lost_events += lost - watch->cpu_lost[stats.cpu];
    watch->cpu_events[stats.cpu] = events;
    watch->cpu_lost[stats.cpu] = lost;
}

static void take_meta(StreamWatch *watch)
{
    TraceMeta meta;
    TraceFreeze freeze;

    memcpy(&meta, watch->head + sizeof(TraceFrameHeader), sizeof(meta));
    memcpy(&freeze, watch->head + sizeof(TraceFrameHeader) + sizeof(meta),
           sizeof(freeze));
    if (meta.kind == TRACE_META_FREEZE && meta.name_bytes == 0 &&
        freeze.cause != TRACE_FREEZE_NONE &&
        freeze.cause <= TRACE_FREEZE_MARKER) {
        watch->is_frozen = true;
        watch->cause = freeze.cause;
    }
}

/* The head is as long as wanted: the rest of the frame is skipped. */
static void take_head(StreamWatch *watch, const TraceFrameHeader *header)
{
    watch->skip_bytes =
        padded(sizeof(*header) + header->length_bytes) - watch->head_bytes;
    if (watch->head_bytes > sizeof(*header)) {
        if (header->type == TRACE_FRAME_LOSS) {
            take_loss(watch);
        } else {
            take_meta(watch);
        }
    }
}

static size_t fill_head(StreamWatch *watch, const uint8_t *bytes, size_t size,
                        size_t wanted)
{
    size_t n = wanted - watch->head_bytes;

    n = size < n ? size : n;
    memcpy(watch->head + watch->head_bytes, bytes, n);
    watch->head_bytes += n;
    return n;
}

static size_t take_some(StreamWatch *watch, const uint8_t *bytes, size_t size)
{
    TraceFrameHeader header;
    size_t used = 0;

    if (watch->head_bytes < sizeof(header)) {
        used = fill_head(watch, bytes, size, sizeof(header));
        if (watch->head_bytes < sizeof(header)) {
            return used;
        }
    }
    memcpy(&header, watch->head, sizeof(header));
    if (header.magic != TRACE_STREAM_MAGIC ||
        header.length_bytes > TRACE_STREAM_MAX_PAYLOAD_BYTES) {
        watch->is_broken = true;
        return size;
    }
    if (watch->skip_bytes == 0 && watch->head_bytes < wanted_bytes(&header)) {
        used +=
            fill_head(watch, bytes + used, size - used, wanted_bytes(&header));
        if (watch->head_bytes < wanted_bytes(&header)) {
            return used;
        }
    }
    if (watch->skip_bytes == 0) {
        take_head(watch, &header);
    }

    size_t n = size - used < watch->skip_bytes ? size - used
                                               : (size_t)watch->skip_bytes;

    watch->skip_bytes -= n;
    if (watch->skip_bytes == 0) {
        watch->frames++;
        watch->head_bytes = 0;
        watch->is_ended = header.type == TRACE_FRAME_END;
    }
    return used + n;
}

void stream_watch_feed(StreamWatch *watch, const uint8_t *bytes, size_t size)
{
    size_t at = 0;

    while (at < size && !watch->is_broken && !watch->is_ended) {
        at += take_some(watch, bytes + at, size - at);
    }
}
