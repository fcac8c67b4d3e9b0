/*
 * StreamEncoder: frames of trace-stream.h to a file descriptor.
 *
 * The buffer is linear and starts anew whenever all of it was written, so no
 * byte is ever moved, and the frames in it can be walked from its start.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "stream-encoder.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "trace-error.h"

struct StreamEncoder {
    int fd;
    char *fd_name;
    char *buffer;
    gsize capacity_bytes;
    gsize written_bytes; /* of the buffer */
    gsize filled_bytes;  /* of the buffer */
    guint64 sent_bytes;  /* since the beginning */
    uint64_t sequence;   /* of the next frame */
};

#if G_BYTE_ORDER != G_LITTLE_ENDIAN
#error "the wire format is little-endian, and so is every x86"
#endif

StreamEncoder *stream_encoder_new(int fd, const char *fd_name,
                                  gsize capacity_bytes)
{
    StreamEncoder *encoder = g_new0(StreamEncoder, 1);

    encoder->fd = fd;
    encoder->fd_name = g_strdup(fd_name);
    encoder->capacity_bytes = capacity_bytes;
    encoder->buffer = g_malloc(capacity_bytes);
    return encoder;
}

void stream_encoder_free(StreamEncoder *encoder)
{
    if (!encoder) {
        return;
    }
    g_free(encoder->buffer);
    g_free(encoder->fd_name);
    g_free(encoder);
}

static gsize align_up(gsize bytes)
{
    return (bytes + TRACE_STREAM_ALIGN_BYTES - 1) &
           ~(gsize)(TRACE_STREAM_ALIGN_BYTES - 1);
}

void *stream_encoder_reserve(StreamEncoder *encoder, gsize length_bytes)
{
    gsize frame_bytes = sizeof(TraceFrameHeader) + align_up(length_bytes);

    g_assert(length_bytes <= TRACE_STREAM_MAX_PAYLOAD_BYTES);
    if (encoder->capacity_bytes - encoder->filled_bytes < frame_bytes) {
        return NULL;
    }
    return encoder->buffer + encoder->filled_bytes + sizeof(TraceFrameHeader);
}

void stream_encoder_commit(StreamEncoder *encoder, TraceFrameType type,
                           uint32_t cpu, gsize length_bytes)
{
    char *frame = encoder->buffer + encoder->filled_bytes;
    TraceFrameHeader header = {
        .magic = TRACE_STREAM_MAGIC,
        .type = type,
        .cpu = cpu,
        .length_bytes = length_bytes,
        .sequence = encoder->sequence++,
    };

    memcpy(frame, &header, sizeof(header));
    memset(frame + sizeof(header) + length_bytes, 0,
           align_up(length_bytes) - length_bytes);
    encoder->filled_bytes += sizeof(header) + align_up(length_bytes);
}

bool stream_encoder_add(StreamEncoder *encoder, TraceFrameType type,
                        uint32_t cpu, const struct iovec *parts,
                        guint part_count)
{
    gsize length_bytes = 0;
    char *payload;

    for (guint i = 0; i < part_count; i++) {
        length_bytes += parts[i].iov_len;
    }
    payload = stream_encoder_reserve(encoder, length_bytes);
    if (!payload) {
        return false;
    }
    for (guint i = 0; i < part_count; i++) {
        if (parts[i].iov_len) {
            memcpy(payload, parts[i].iov_base, parts[i].iov_len);
        }
        payload += parts[i].iov_len;
    }
    stream_encoder_commit(encoder, type, cpu, length_bytes);
    return true;
}

StreamFlush stream_encoder_flush(StreamEncoder *encoder, GError **error)
{
    while (encoder->written_bytes < encoder->filled_bytes) {
        ssize_t bytes =
            write(encoder->fd, encoder->buffer + encoder->written_bytes,
                  encoder->filled_bytes - encoder->written_bytes);

        if (bytes >= 0) {
            encoder->written_bytes += bytes;
            encoder->sent_bytes += bytes;
        } else if (errno == EAGAIN) {
            return STREAM_FLUSH_BLOCKED;
        } else if (errno != EINTR) {
            trace_throw(error, "cannot write the trace to %s: %s",
                        encoder->fd_name, g_strerror(errno));
            return STREAM_FLUSH_FAILED;
        }
    }
    encoder->written_bytes = encoder->filled_bytes = 0;
    return STREAM_FLUSH_DONE;
}

gsize stream_encoder_pending_bytes(const StreamEncoder *encoder)
{
    return encoder->filled_bytes - encoder->written_bytes;
}

guint64 stream_encoder_sent_bytes(const StreamEncoder *encoder)
{
    return encoder->sent_bytes;
}

void stream_encoder_drop_unsent(StreamEncoder *encoder,
                                StreamEncoderDropped dropped, gpointer data)
{
    gsize keep_bytes = 0;
    gsize at = 0;

    while (at < encoder->filled_bytes) {
        TraceFrameHeader header;
        const char *payload = encoder->buffer + at + sizeof(header);
        gsize frame_bytes;

        memcpy(&header, encoder->buffer + at, sizeof(header));
        frame_bytes = sizeof(header) + align_up(header.length_bytes);
        if (at < encoder->written_bytes) {
            keep_bytes = at + frame_bytes;
        } else {
            encoder->sequence--;
            dropped(&header, payload, data);
        }
        at += frame_bytes;
    }
    encoder->filled_bytes = keep_bytes;
}
