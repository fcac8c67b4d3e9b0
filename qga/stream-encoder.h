/*
 * StreamEncoder: frames of trace-stream.h to a file descriptor, through one
 * bounded staging buffer.
 *
 * It never blocks on an O_NONBLOCK descriptor: when the other side doesn't
 * take bytes, room runs out and the caller stops adding frames.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STREAM_ENCODER_H
#define STREAM_ENCODER_H

#include <glib.h>
#include <stdbool.h>
#include <sys/uio.h>

#include "trace-stream.h"

typedef struct StreamEncoder StreamEncoder;

typedef enum StreamFlush {
    STREAM_FLUSH_DONE,    /* all that was added has been written */
    STREAM_FLUSH_BLOCKED, /* the rest waits until the fd is writable */
    STREAM_FLUSH_FAILED,  /* error is set; the stream is lost */
} StreamFlush;

/* @fd stays the caller's; @fd_name names it in errors. */
StreamEncoder *stream_encoder_new(int fd, const char *fd_name,
                                  gsize capacity_bytes);
void stream_encoder_free(StreamEncoder *encoder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StreamEncoder, stream_encoder_free)

/*
 * Adds one frame whose payload is the parts' bytes in order.  Returns false,
 * and adds nothing, when there is no room now.
 */
bool stream_encoder_add(StreamEncoder *encoder, TraceFrameType type,
                        uint32_t cpu, const struct iovec *parts,
                        guint part_count);

/*
 * Where a payload of up to @length_bytes may be stored, or NULL when there is
 * no room now.  The next call must be stream_encoder_commit to make a frame of
 * it; else the reservation is forgotten.
 */
void *stream_encoder_reserve(StreamEncoder *encoder, gsize length_bytes);
void stream_encoder_commit(StreamEncoder *encoder, TraceFrameType type,
                           uint32_t cpu, gsize length_bytes);

StreamFlush stream_encoder_flush(StreamEncoder *encoder, GError **error);

/* Added but not yet written. */
gsize stream_encoder_pending_bytes(const StreamEncoder *encoder);
guint64 stream_encoder_sent_bytes(const StreamEncoder *encoder);

/*
 * Takes back every frame of which no byte was written yet, so that the stream
 * can still be ended properly; @dropped is called for each.
 */
typedef void (*StreamEncoderDropped)(const TraceFrameHeader *header,
                                     const void *payload, gpointer data);
void stream_encoder_drop_unsent(StreamEncoder *encoder,
                                StreamEncoderDropped dropped, gpointer data);

#endif
