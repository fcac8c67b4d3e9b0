/*
 * The guest agent's protocol: no ids, no greeting, and replies to somebody
 * else's or to earlier commands may still be on the way.  So each command is
 * preceded by guest-sync-delimited, whose reply comes after a byte 0xFF
 * (qga/qapi-schema.json in QEMU's source).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/agent-channel.h"

#include "connection/connection-error.h"
#include "connection/json-channel.h"
#include "connection/json-read.h"
#include "connection/unix-connect.h"

/*
 * guest-exec-status may carry 16 MiB each of both outputs in base64
 * (GUEST_EXEC_MAX_OUTPUT in qga/commands.c): more than that is refused.
 */
#define MAX_MESSAGE_BYTES (48u << 20)
/* An agent that runs at all answers this at once. */
#define SYNC_TIMEOUT_MS 5000u
/* An unfinished command in the agent's parser ends at 0xFF, too. */
#define FLUSH_AGENT "\xff"
/* How long an answer may take before it is asked whether one will come. */
#define LOOK_MS 2000u

struct AgentChannel {
    JsonChannel *channel;
    AgentChannelLook look;
    gpointer look_data;
};

AgentChannel *agent_channel_new(int fd, const char *peer)
{
    AgentChannel *channel = g_new0(AgentChannel, 1);

    channel->channel = json_channel_new(fd, peer, MAX_MESSAGE_BYTES);
    return channel;
}

AgentChannel *agent_channel_connect(const char *path, GError **error)
{
    g_autofree char *peer = g_strdup_printf("the guest agent at %s", path);
    int fd = unix_connect(path, "the guest agent", error);

    return fd < 0 ? NULL : agent_channel_new(fd, peer);
}

void agent_channel_free(AgentChannel *channel)
{
    if (channel) {
        json_channel_free(channel->channel);
        g_free(channel);
    }
}

void agent_channel_set_look(AgentChannel *channel, AgentChannelLook look,
                            gpointer data)
{
    channel->look = look;
    channel->look_data = data;
}

static gboolean throw_no_answer(AgentChannel *channel, const char *command,
                                GError **error)
{
    g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_TIMEOUT,
                "%s did not answer %s in time: qemu-ga must run in the guest, "
                "and no other program may hold this socket",
                json_channel_peer(channel->channel), command);
    return FALSE;
}

static gboolean send_command(AgentChannel *channel, const char *prefix,
                             const char *command, json_object *arguments,
                             gint64 deadline, GError **error)
{
    g_autoptr(json_object) request = json_object_new_object();

    json_object_object_add(request, "execute", json_object_new_string(command));
    if (arguments) {
        json_object_object_add(request, "arguments", arguments);
    }
    return json_channel_send(channel->channel, prefix, request, deadline,
                             error);
}

static gboolean send_sync(AgentChannel *channel, const char *prefix,
                          const char *command, int64_t id, gint64 deadline,
                          GError **error)
{
    json_object *arguments = json_object_new_object();

    json_object_object_add(arguments, "id", json_object_new_int64(id));
    return send_command(channel, prefix, command, arguments, deadline, error);
}

static gboolean is_answer_to_sync(json_object *reply, int64_t id)
{
    int64_t reply_id;

    return json_read_int64(reply, "return", INT64_MIN, INT64_MAX, &reply_id) &&
           reply_id == id;
}

/* Skips to the answer of a guest-sync-delimited with our own random id. */
static gboolean synchronize(AgentChannel *channel, gint64 deadline,
                            GError **error)
{
    int64_t id = g_random_int_range(1, G_MAXINT32);

    if (!send_sync(channel, FLUSH_AGENT, "guest-sync-delimited", id, deadline,
                   error)) {
        return FALSE;
    }
    for (;;) {
        g_autoptr(json_object) reply = NULL;
        JsonChannelStatus status =
            json_channel_skip_to_mark(channel->channel, deadline, error);

        if (status == JSON_CHANNEL_MESSAGE) {
            status =
                json_channel_receive(channel->channel, deadline, &reply, error);
        }
        if (status == JSON_CHANNEL_TIMEOUT ||
            (status == JSON_CHANNEL_MESSAGE &&
             g_get_monotonic_time() > deadline)) {
            return throw_no_answer(channel, "guest-sync-delimited", error);
        }
        if (status == JSON_CHANNEL_FAILED) {
            return FALSE;
        }
        if (is_answer_to_sync(reply, id)) {
            return TRUE;
        }
    }
}

static gboolean throw_agent_gone(AgentChannel *channel, const char *command,
                                 const char *how, GError **error)
{
    g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_TIMEOUT,
                "%s will not answer %s: qemu-ga %s in the guest; see there why",
                json_channel_peer(channel->channel), command, how);
    return FALSE;
}

/*
 * An agent runs one command after the other, so one that is still busy answers
 * this later than what it is busy with.  Another agent, in place of one that
 * has ended, answers it at once, and never what that one was asked.
 */
static gboolean look_after(AgentChannel *channel, const char *command,
                           int64_t id, gint64 deadline, GError **error)
{
    if (channel->look && !channel->look(channel->look_data)) {
        return throw_agent_gone(channel, command, "has ended", error);
    }
    return send_sync(channel, "", "guest-sync", id, deadline, error);
}

/* A TIMEOUT has no error yet. */
static JsonChannelStatus receive_reply(AgentChannel *channel,
                                       const char *command, gint64 deadline,
                                       json_object **reply, GError **error)
{
    int64_t id = g_random_int_range(1, G_MAXINT32);

    for (;;) {
        gint64 look_us = json_channel_deadline(LOOK_MS);
        JsonChannelStatus status =
            json_channel_receive(channel->channel, MIN(look_us, deadline),
                                 reply, error);

        if (status == JSON_CHANNEL_MESSAGE && is_answer_to_sync(*reply, id)) {
            throw_agent_gone(channel, command, "was started anew", error);
            return JSON_CHANNEL_FAILED;
        }
        if (status != JSON_CHANNEL_TIMEOUT || look_us >= deadline) {
            return status;
        }
        if (!look_after(channel, command, id, deadline, error)) {
            return JSON_CHANNEL_FAILED;
        }
    }
}

static json_object *throw_reply_error(AgentChannel *channel,
                                      const char *command, json_object *answer,
                                      GError **error)
{
    const char *class = json_read_string(answer, "class", 80);
    const char *desc = json_read_string(answer, "desc", 4096);
    g_autofree char *text = json_printable(desc ? desc : "no reason", 500);
    gboolean unknown = class && g_str_equal(class, "CommandNotFound");

    g_set_error(error, CONNECTION_ERROR,
                unknown ? CONNECTION_ERROR_NO_COMMAND
                        : CONNECTION_ERROR_REFUSED,
                "%s refused %s: %s", json_channel_peer(channel->channel),
                command, text);
    return NULL;
}

json_object *agent_channel_execute(AgentChannel *channel, const char *command,
                                   json_object *arguments, unsigned timeout_ms,
                                   GError **error)
{
    gint64 deadline = json_channel_deadline(timeout_ms);
    gint64 sync_deadline =
        json_channel_deadline(MIN(timeout_ms, SYNC_TIMEOUT_MS));
    g_autoptr(json_object) owned_arguments = arguments;
    g_autoptr(json_object) reply = NULL;
    JsonChannelStatus status;
    json_object *answer;

    if (!synchronize(channel, sync_deadline, error) ||
        !send_command(channel, "", command, json_object_get(arguments),
                      deadline, error)) {
        return NULL;
    }
    status = receive_reply(channel, command, deadline, &reply, error);
    if (status == JSON_CHANNEL_TIMEOUT) {
        throw_no_answer(channel, command, error);
        return NULL;
    }
    if (status == JSON_CHANNEL_FAILED) {
        return NULL;
    }
    if (json_object_object_get_ex(reply, "error", &answer)) {
        return throw_reply_error(channel, command, answer, error);
    }
    json_object_object_get_ex(reply, "return", &answer);
    if (!answer) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL,
                    "%s answered %s with neither a result nor an error",
                    json_channel_peer(channel->channel), command);
        return NULL;
    }
    return json_object_get(answer);
}
