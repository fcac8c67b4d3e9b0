/*
 * Bounded JSON framing over a non-blocking stream socket.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/json-channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection/connection-error.h"
#include "connection/json-read.h"

#define MAX_DEPTH 32
/*
 * A parsed value takes some 100 bytes of memory for as little as 2 bytes of
 * text, so the number of values is bounded apart from the text's length.
 */
#define MAX_VALUES 200000
#define MARK       '\xff'

struct JsonChannel {
    int fd;
    char *peer;
    size_t max_bytes;
    struct json_tokener *tokener;
    size_t message_bytes; /* of the unfinished message */
    size_t message_values;
    size_t start; /* what of buffer is not yet parsed */
    size_t end;
    char buffer[64 << 10];
};

gint64 json_channel_deadline(unsigned timeout_ms)
{
    return g_get_monotonic_time() + (gint64)timeout_ms * 1000;
}

JsonChannel *json_channel_new(int fd, const char *peer, size_t max_bytes)
{
    JsonChannel *channel = g_new0(JsonChannel, 1);

    channel->fd = fd;
    channel->peer = g_strdup(peer);
    channel->max_bytes = max_bytes;
    channel->tokener = json_tokener_new_ex(MAX_DEPTH);
    return channel;
}

void json_channel_free(JsonChannel *channel)
{
    if (channel) {
        close(channel->fd);
        json_tokener_free(channel->tokener);
        g_free(channel->peer);
        g_free(channel);
    }
}

int json_channel_fd(const JsonChannel *channel)
{
    return channel->fd;
}

const char *json_channel_peer(const JsonChannel *channel)
{
    return channel->peer;
}

/* How long poll() may wait for the deadline, in ms, rounded up. */
static int remaining_ms(gint64 deadline)
{
    gint64 left_us = deadline - g_get_monotonic_time();

    return left_us <= 0 ? 0 : (int)MIN((left_us + 999) / 1000, 60 * 1000);
}

static JsonChannelStatus wait_for(JsonChannel *channel, short events,
                                  gint64 deadline, GError **error)
{
    struct pollfd poll_fd = {.fd = channel->fd, .events = events};

    for (;;) {
        int timeout_ms = remaining_ms(deadline);
        int n = poll(&poll_fd, 1, timeout_ms);

        if (n > 0) {
            return JSON_CHANNEL_MESSAGE;
        }
        if (n < 0 && errno != EINTR) {
            g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_CLOSED,
                        "%s: cannot wait for it: %s", channel->peer,
                        g_strerror(errno));
            return JSON_CHANNEL_FAILED;
        }
        if (n == 0 && timeout_ms == 0) {
            return JSON_CHANNEL_TIMEOUT;
        }
    }
}

static JsonChannelStatus fail_closed(JsonChannel *channel, int code,
                                     GError **error)
{
    g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_CLOSED,
                "%s closed the connection%s%s", channel->peer, code ? ": " : "",
                code ? g_strerror(code) : "");
    return JSON_CHANNEL_FAILED;
}

/* With fd, unless that is -1: it travels with the first byte. */
static ssize_t send_some(JsonChannel *channel, const char *text, size_t length,
                         int fd)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {.iov_base = (char *)text, .iov_len = length};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fd >= 0) {
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
        message.msg_control = control.space;
        message.msg_controllen = sizeof(control.space);
    }
    return sendmsg(channel->fd, &message, MSG_NOSIGNAL);
}

static gboolean send_all(JsonChannel *channel, const char *text, int fd,
                         gint64 deadline, GError **error)
{
    size_t length = strlen(text);
    size_t done = 0;

    while (done < length) {
        ssize_t n =
            send_some(channel, text + done, length - done, done == 0 ? fd : -1);
        JsonChannelStatus status;

        if (n >= 0) {
            done += n;
            continue;
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno != EAGAIN) {
            fail_closed(channel, errno, error);
            return FALSE;
        }
        status = wait_for(channel, POLLOUT, deadline, error);
        if (status == JSON_CHANNEL_TIMEOUT) {
            g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_TIMEOUT,
                        "%s does not read what it is sent", channel->peer);
        }
        if (status != JSON_CHANNEL_MESSAGE) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean json_channel_send(JsonChannel *channel, const char *prefix,
                           json_object *message, gint64 deadline,
                           GError **error)
{
    g_autofree char *text = g_strconcat(
        prefix, json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN),
        "\n", NULL);

    return send_all(channel, text, -1, deadline, error);
}

gboolean json_channel_send_fd(JsonChannel *channel, json_object *message,
                              int fd, gint64 deadline, GError **error)
{
    g_autofree char *text = g_strconcat(
        json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN), "\n",
        NULL);

    return send_all(channel, text, fd, deadline, error);
}

/* Gets more bytes into the empty buffer. */
static JsonChannelStatus fill(JsonChannel *channel, gint64 deadline,
                              GError **error)
{
    for (;;) {
        ssize_t n = recv(channel->fd, channel->buffer, sizeof(channel->buffer),
                         MSG_DONTWAIT);
        JsonChannelStatus status;

        if (n > 0) {
            channel->start = 0;
            channel->end = n;
            return JSON_CHANNEL_MESSAGE;
        }
        if (n == 0) {
            return fail_closed(channel, 0, error);
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno != EAGAIN) {
            return fail_closed(channel, errno, error);
        }
        status = wait_for(channel, POLLIN, deadline, error);
        if (status != JSON_CHANNEL_MESSAGE) {
            return status;
        }
    }
}

static void reset_message(JsonChannel *channel)
{
    json_tokener_reset(channel->tokener);
    channel->message_bytes = 0;
    channel->message_values = 0;
}

static void skip_space(JsonChannel *channel)
{
    while (channel->start < channel->end &&
           g_ascii_isspace(channel->buffer[channel->start])) {
        channel->start++;
    }
}

/* Counts what the tokener consumed, after the fact: one buffer too late. */
static void count_values(JsonChannel *channel, size_t length)
{
    const char *text = channel->buffer + channel->start;

    for (size_t i = 0; i < length; i++) {
        channel->message_values +=
            text[i] == ',' || text[i] == '[' || text[i] == '{';
    }
}

/*
 * Parses on in the buffer.  TIMEOUT stands for "more bytes are needed".
 */
static JsonChannelStatus parse(JsonChannel *channel, json_object **message,
                               GError **error)
{
    enum json_tokener_error code;
    size_t length;

    if (channel->message_bytes == 0) {
        skip_space(channel);
    }
    length = channel->end - channel->start;
    if (length == 0) {
        return JSON_CHANNEL_TIMEOUT;
    }
    if (channel->message_bytes > channel->max_bytes ||
        channel->message_values > MAX_VALUES) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL,
                    "%s sent a message of more than %zu bytes", channel->peer,
                    channel->max_bytes);
        return JSON_CHANNEL_FAILED;
    }
    *message =
        json_tokener_parse_ex(channel->tokener,
                              channel->buffer + channel->start, (int)length);
    code = json_tokener_get_error(channel->tokener);
    if (code == json_tokener_continue) {
        count_values(channel, length);
        channel->message_bytes += length;
        channel->start = channel->end;
        return JSON_CHANNEL_TIMEOUT;
    }
    channel->start += json_tokener_get_parse_end(channel->tokener);
    if (code != json_tokener_success ||
        !json_object_is_type(*message, json_type_object)) {
        g_clear_pointer(message, json_object_put);
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL,
                    "%s sent something that is no JSON object", channel->peer);
        return JSON_CHANNEL_FAILED;
    }
    reset_message(channel);
    return JSON_CHANNEL_MESSAGE;
}

JsonChannelStatus json_channel_receive(JsonChannel *channel, gint64 deadline,
                                       json_object **message, GError **error)
{
    size_t taken_bytes = 0;

    *message = NULL;
    for (;;) {
        JsonChannelStatus status = parse(channel, message, error);

        if (status != JSON_CHANNEL_TIMEOUT) {
            return status;
        }
        /* White space between messages has no end of its own. */
        if (channel->message_bytes == 0 && taken_bytes > channel->max_bytes) {
            return JSON_CHANNEL_TIMEOUT;
        }
        /* Nor has a message that comes byte by byte. */
        if (taken_bytes > 0 && g_get_monotonic_time() > deadline) {
            return JSON_CHANNEL_TIMEOUT;
        }
        status = fill(channel, deadline, error);
        if (status != JSON_CHANNEL_MESSAGE) {
            return status;
        }
        taken_bytes += channel->end;
    }
}

JsonChannelStatus json_channel_skip_to_mark(JsonChannel *channel,
                                            gint64 deadline, GError **error)
{
    reset_message(channel);
    for (;;) {
        size_t length = channel->end - channel->start;
        const char *mark =
            memchr(channel->buffer + channel->start, MARK, length);
        JsonChannelStatus status;

        if (mark) {
            channel->start = mark + 1 - channel->buffer;
            return JSON_CHANNEL_MESSAGE;
        }
        channel->start = channel->end;
        /* A peer that never stops sending must not keep us either. */
        if (g_get_monotonic_time() > deadline) {
            return JSON_CHANNEL_TIMEOUT;
        }
        status = fill(channel, deadline, error);
        if (status != JSON_CHANNEL_MESSAGE) {
            return status;
        }
    }
}
