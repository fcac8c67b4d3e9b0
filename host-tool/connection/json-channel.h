/*
 * JsonChannel: JSON messages over a stream socket, as QMP and the guest agent
 * speak it, within bounds of size, depth and time: the peer may be hostile.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef JSON_CHANNEL_H
#define JSON_CHANNEL_H

#include <glib.h>
#include <json-c/json.h>

typedef struct JsonChannel JsonChannel;

typedef enum JsonChannelStatus {
    JSON_CHANNEL_MESSAGE, /* *message is the caller's */
    JSON_CHANNEL_TIMEOUT, /* nothing complete before the deadline */
    JSON_CHANNEL_FAILED,  /* error is set; the channel is of no more use */
} JsonChannelStatus;

/* A deadline for the functions below: g_get_monotonic_time() and so many. */
gint64 json_channel_deadline(unsigned timeout_ms);

/*
 * Takes the non-blocking fd over.  peer is who talks there ("QEMU's monitor
 * at PATH"), for errors.  No message may be longer than max_bytes.
 */
JsonChannel *json_channel_new(int fd, const char *peer, size_t max_bytes);
void json_channel_free(JsonChannel *channel);

/* For polling only. */
int json_channel_fd(const JsonChannel *channel);
const char *json_channel_peer(const JsonChannel *channel);

/* Sends prefix (may be ""), the text of message and a newline. */
gboolean json_channel_send(JsonChannel *channel, const char *prefix,
                           json_object *message, gint64 deadline,
                           GError **error);

/* The same, with a file descriptor (the caller's) along with it. */
gboolean json_channel_send_fd(JsonChannel *channel, json_object *message,
                              int fd, gint64 deadline, GError **error);

/* A deadline in the past takes only what has already arrived. */
JsonChannelStatus json_channel_receive(JsonChannel *channel, gint64 deadline,
                                       json_object **message, GError **error);

/*
 * Throws away everything up to and including the next byte 0xFF, which is not
 * valid UTF-8 and so never part of a message.  MESSAGE means it was found.
 */
JsonChannelStatus json_channel_skip_to_mark(JsonChannel *channel,
                                            gint64 deadline, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonChannel, json_channel_free)

#endif
