/*
 * Control: one end of the talk between host and recorder.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "trace-error.h"

/* A host that serves requests answers at once. */
#define ANSWER_TIMEOUT_US (10 * G_USEC_PER_SEC)
/* What it does then may take a while on a loaded machine. */
#define GRANT_TIMEOUT_US (120 * G_USEC_PER_SEC)
#define DONE_TIMEOUT_US  (60 * G_USEC_PER_SEC)
/* Of noise, in one call. */
#define NOISE_BYTES (64u << 10)

struct Control {
    int fd;
    ControlSide side;
    guint64 id; /* of our request; 0: none */
    gsize length_bytes;
    guint8 buffer[sizeof(TraceControl)];
};

Control *control_new(int fd, ControlSide side)
{
    Control *control = g_new0(Control, 1);

    control->fd = fd;
    control->side = side;
    return control;
}

void control_free(Control *control)
{
    g_free(control);
}

/* Throws away what cannot be the beginning of a message. */
static void skip_noise(Control *control)
{
    const guint32 magic = TRACE_CONTROL_MAGIC;
    gsize at = 0;

    while (at < control->length_bytes &&
           memcmp(control->buffer + at, &magic,
                  MIN(sizeof(magic), control->length_bytes - at)) != 0) {
        at++;
    }
    control->length_bytes -= at;
    memmove(control->buffer, control->buffer + at, control->length_bytes);
}

static bool is_valid(const TraceControl *message)
{
    return message->version == TRACE_CONTROL_VERSION &&
           memchr(message->text, '\0', sizeof(message->text)) &&
           memchr(message->events, '\0', sizeof(message->events));
}

static bool is_for_us(const Control *control, const TraceControl *message)
{
    if (control->side == CONTROL_HOST) {
        return message->kind == TRACE_CONTROL_REQUEST && message->id != 0;
    }
    return message->kind != TRACE_CONTROL_REQUEST &&
           (message->id == 0 || message->id == control->id);
}

ControlRead control_read(Control *control, TraceControl *message)
{
    gsize noise_bytes = 0;

    while (noise_bytes < NOISE_BYTES) {
        ssize_t bytes =
            read(control->fd, control->buffer + control->length_bytes,
                 sizeof(control->buffer) - control->length_bytes);

        if (bytes < 0 && errno == EINTR) {
            continue;
        }
        if (bytes < 0) {
            return errno == EAGAIN ? CONTROL_NOTHING : CONTROL_CLOSED;
        }
        if (bytes == 0) {
            return CONTROL_CLOSED;
        }
        control->length_bytes += bytes;
        noise_bytes += bytes;
        skip_noise(control);
        if (control->length_bytes < sizeof(*message)) {
            continue;
        }
        memcpy(message, control->buffer, sizeof(*message));
        if (is_valid(message) && is_for_us(control, message)) {
            control->length_bytes = 0;
            return CONTROL_MESSAGE;
        }
        /* Not even a message, perhaps: one may begin inside it. */
        control->buffer[0] = 0;
        skip_noise(control);
    }
    return CONTROL_NOISE;
}

bool control_say(Control *control, TraceControlKind kind, guint64 id,
                 guint32 duration_ms, const char *text)
{
    TraceControl message = {
        .magic = TRACE_CONTROL_MAGIC,
        .version = TRACE_CONTROL_VERSION,
        .kind = kind,
        .id = id,
        .duration_ms = duration_ms,
    };

    g_strlcpy(message.text, text, sizeof(message.text));
    return write(control->fd, &message, sizeof(message)) ==
           (gssize)sizeof(message);
}

static void fill_request(Control *control, const ControlRequest *request,
                         TraceControl *message)
{
    g_autofree char *events =
        request->events ? g_strjoinv("\n", (char **)request->events) : NULL;

    while (control->id == 0) {
        if (getrandom(&control->id, sizeof(control->id), 0) < 0) {
            control->id = g_get_real_time();
        }
    }
    *message = (TraceControl){
        .magic = TRACE_CONTROL_MAGIC,
        .version = TRACE_CONTROL_VERSION,
        .kind = TRACE_CONTROL_REQUEST,
        .id = control->id,
        .flags = request->is_snapshot ? TRACE_CONTROL_SNAPSHOT : 0,
        .duration_ms = request->duration_ms,
    };
    g_strlcpy(message->text, request->command ? request->command : "",
              sizeof(message->text));
    g_strlcpy(message->events, events ? events : "", sizeof(message->events));
}

/* Waits for @events of the port; false when that can't come any more. */
static bool wait_port(const Control *control, short events, int stop_fd,
                      gint64 end_us, GError **error)
{
    gint64 left_us = end_us - g_get_monotonic_time();
    struct pollfd fds[] = {
        {.fd = control->fd, .events = events},
        {.fd = stop_fd, .events = POLLIN},
    };

    if (left_us <= 0) {
        return trace_throw(error,
                           "the host does not answer: is qemu-trace-merge "
                           "serve running there for this guest? (To record "
                           "without asking: --no-ask, or --output FILE)");
    }
    if (poll(fds, G_N_ELEMENTS(fds), left_us / 1000 + 1) < 0 &&
        errno != EINTR) {
        return trace_throw(error, "cannot poll the port: %s",
                           g_strerror(errno));
    }
    if (fds[1].revents) {
        return trace_throw(error, "stopped before the recording began");
    }
    if (fds[0].revents & POLLHUP && !(fds[0].revents & POLLIN)) {
        return trace_throw(error, "the host has closed its end of the port: "
                                  "qemu-trace-merge serve has ended there");
    }
    return true;
}

static bool send_message(const Control *control, const TraceControl *message,
                         int stop_fd, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + ANSWER_TIMEOUT_US;
    gsize sent = 0;

    while (sent < sizeof(*message)) {
        ssize_t bytes = write(control->fd, (const guint8 *)message + sent,
                              sizeof(*message) - sent);

        if (bytes > 0) {
            sent += bytes;
        } else if (bytes < 0 && errno != EAGAIN && errno != EINTR) {
            return trace_throw(error, "cannot write to the port: %s",
                               g_strerror(errno));
        } else if (!wait_port(control, POLLOUT, stop_fd, end_us, error)) {
            return false;
        }
    }
    return true;
}

static bool wait_message(Control *control, TraceControl *message, int stop_fd,
                         gint64 end_us, GError **error)
{
    for (;;) {
        switch (control_read(control, message)) {
        case CONTROL_MESSAGE:
            return true;
        case CONTROL_CLOSED:
            return trace_throw(error, "the host has closed its end of the "
                                      "port: qemu-trace-merge serve has ended "
                                      "there");
        case CONTROL_NOTHING:
        case CONTROL_NOISE:
            if (!wait_port(control, POLLIN, stop_fd, end_us, error)) {
                return false;
            }
        }
    }
}

bool control_ask(Control *control, const ControlRequest *request, int stop_fd,
                 GError **error)
{
    gint64 end_us = g_get_monotonic_time() + ANSWER_TIMEOUT_US;
    TraceControl message;

    fill_request(control, request, &message);
    if (!send_message(control, &message, stop_fd, error)) {
        return false;
    }
    while (wait_message(control, &message, stop_fd, end_us, error)) {
        switch (message.kind) {
        case TRACE_CONTROL_PENDING:
            end_us = g_get_monotonic_time() + GRANT_TIMEOUT_US;
            break;
        case TRACE_CONTROL_GRANTED:
            return true;
        case TRACE_CONTROL_REFUSED:
            return trace_throw(error, "the host refuses to record: %s",
                               message.text);
        }
    }
    return false;
}

char *control_wait_done(Control *control, int stop_fd)
{
    gint64 end_us = g_get_monotonic_time() + DONE_TIMEOUT_US;
    TraceControl message;

    while (wait_message(control, &message, stop_fd, end_us, NULL)) {
        if (message.kind == TRACE_CONTROL_DONE) {
            return g_strdup(message.text);
        }
    }
    return NULL;
}
