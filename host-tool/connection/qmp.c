/*
 * QMP: greeting, capabilities, commands with ids, events.
 * docs/interop/qmp-spec.rst in QEMU's source describes the protocol.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/qmp.h"

#include <string.h>

#include "connection/connection-error.h"
#include "connection/host-ticks.h"
#include "connection/json-channel.h"
#include "connection/json-read.h"
#include "connection/unix-connect.h"

#define MAX_MESSAGE_BYTES   (4u << 20)
#define GREETING_TIMEOUT_MS 5000
#define MAX_EVENTS          1024

struct Qmp {
    JsonChannel *channel;
    int64_t last_id;
    GArray *events; /* of GuestEvent, oldest first */
};

static void keep_event(Qmp *qmp, const char *name)
{
    GuestEvent event = {.host_ticks = host_ticks_now()};

    if (guest_event_kind_parse(name, &event.kind) &&
        qmp->events->len < MAX_EVENTS) {
        g_array_append_val(qmp->events, event);
    }
}

/* The next message that is no event. */
static JsonChannelStatus next_reply(Qmp *qmp, gint64 deadline,
                                    json_object **reply, GError **error)
{
    for (;;) {
        JsonChannelStatus status =
            json_channel_receive(qmp->channel, deadline, reply, error);
        const char *name;

        if (status != JSON_CHANNEL_MESSAGE) {
            return status;
        }
        name = json_read_string(*reply, "event", 80);
        if (!name) {
            return status;
        }
        keep_event(qmp, name);
        g_clear_pointer(reply, json_object_put);
    }
}

static json_object *throw_reply_error(Qmp *qmp, const char *command,
                                      json_object *answer, GError **error)
{
    const char *class = json_read_string(answer, "class", 80);
    const char *desc = json_read_string(answer, "desc", 4096);
    g_autofree char *text = json_printable(desc ? desc : "no reason", 300);
    gboolean unknown = class && g_str_equal(class, "CommandNotFound");

    g_set_error(error, CONNECTION_ERROR,
                unknown ? CONNECTION_ERROR_NO_COMMAND
                        : CONNECTION_ERROR_REFUSED,
                "%s refused %s: %s", json_channel_peer(qmp->channel), command,
                text);
    return NULL;
}

/* fd goes with the command; -1: none does. */
static json_object *execute_until(Qmp *qmp, const char *command,
                                  json_object *arguments, int fd,
                                  gint64 deadline, GError **error)
{
    g_autoptr(json_object) request = json_object_new_object();
    int64_t id = ++qmp->last_id;

    json_object_object_add(request, "execute", json_object_new_string(command));
    if (arguments) {
        json_object_object_add(request, "arguments", arguments);
    }
    json_object_object_add(request, "id", json_object_new_int64(id));
    if (fd >= 0
            ? !json_channel_send_fd(qmp->channel, request, fd, deadline, error)
            : !json_channel_send(qmp->channel, "", request, deadline, error)) {
        return NULL;
    }
    for (;;) {
        g_autoptr(json_object) reply = NULL;
        JsonChannelStatus status = next_reply(qmp, deadline, &reply, error);
        json_object *answer;
        int64_t reply_id = 0;

        if (status == JSON_CHANNEL_TIMEOUT) {
            g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_TIMEOUT,
                        "%s did not answer %s in time",
                        json_channel_peer(qmp->channel), command);
        }
        if (status != JSON_CHANNEL_MESSAGE) {
            return NULL;
        }
        /* The answer to a command that timed out earlier may come late. */
        json_read_int64(reply, "id", INT64_MIN, INT64_MAX, &reply_id);
        if (reply_id != id) {
            continue;
        }
        if (json_object_object_get_ex(reply, "error", &answer)) {
            return throw_reply_error(qmp, command, answer, error);
        }
        json_object_object_get_ex(reply, "return", &answer);
        if (answer) {
            return json_object_get(answer);
        }
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL,
                    "%s answered %s with neither a result nor an error",
                    json_channel_peer(qmp->channel), command);
        return NULL;
    }
}

json_object *qmp_execute(Qmp *qmp, const char *command, json_object *arguments,
                         unsigned timeout_ms, GError **error)
{
    return execute_until(qmp, command, arguments, -1,
                         json_channel_deadline(timeout_ms), error);
}

gboolean qmp_send_fd(Qmp *qmp, int fd, const char *name, unsigned timeout_ms,
                     GError **error)
{
    json_object *arguments = json_object_new_object();
    g_autoptr(json_object) answer = NULL;

    json_object_object_add(arguments, "fdname", json_object_new_string(name));
    answer = execute_until(qmp, "getfd", arguments, fd,
                           json_channel_deadline(timeout_ms), error);
    return answer != NULL;
}

static gboolean greet(Qmp *qmp, GError **error)
{
    gint64 deadline = json_channel_deadline(GREETING_TIMEOUT_MS);
    g_autoptr(json_object) greeting = NULL;
    g_autoptr(json_object) done = NULL;
    JsonChannelStatus status =
        json_channel_receive(qmp->channel, deadline, &greeting, error);

    if (status == JSON_CHANNEL_TIMEOUT) {
        g_set_error(
            error, CONNECTION_ERROR, CONNECTION_ERROR_TIMEOUT,
            "%s does not greet: another program may hold the monitor; "
            "give QEMU a second one with -qmp unix:PATH,server=on,wait=off",
            json_channel_peer(qmp->channel));
    }
    if (status != JSON_CHANNEL_MESSAGE) {
        return FALSE;
    }
    if (!json_read_member(greeting, "QMP", json_type_object)) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL,
                    "%s does not speak QMP; is it another of QEMU's sockets?",
                    json_channel_peer(qmp->channel));
        return FALSE;
    }
    done = execute_until(qmp, "qmp_capabilities", NULL, -1, deadline, error);
    return done != NULL;
}

Qmp *qmp_new(int fd, const char *peer, GError **error)
{
    g_autoptr(Qmp) qmp = g_new0(Qmp, 1);

    qmp->channel = json_channel_new(fd, peer, MAX_MESSAGE_BYTES);
    qmp->events = g_array_new(FALSE, FALSE, sizeof(GuestEvent));
    return greet(qmp, error) ? g_steal_pointer(&qmp) : NULL;
}

Qmp *qmp_connect(const char *path, GError **error)
{
    g_autofree char *peer = g_strdup_printf("QEMU's monitor at %s", path);
    int fd = unix_connect(path, "QEMU's monitor", error);

    return fd < 0 ? NULL : qmp_new(fd, peer, error);
}

void qmp_free(Qmp *qmp)
{
    if (qmp) {
        json_channel_free(qmp->channel);
        g_array_unref(qmp->events);
        g_free(qmp);
    }
}

int qmp_fd(const Qmp *qmp)
{
    return json_channel_fd(qmp->channel);
}

gboolean qmp_pump(Qmp *qmp, GError **error)
{
    for (;;) {
        g_autoptr(json_object) late_reply = NULL;
        JsonChannelStatus status = next_reply(qmp, 0, &late_reply, error);

        if (status != JSON_CHANNEL_MESSAGE) {
            return status == JSON_CHANNEL_TIMEOUT;
        }
    }
}

gboolean qmp_next_event(Qmp *qmp, GuestEvent *event)
{
    if (qmp->events->len == 0) {
        return FALSE;
    }
    *event = g_array_index(qmp->events, GuestEvent, 0);
    g_array_remove_index(qmp->events, 0);
    return TRUE;
}
