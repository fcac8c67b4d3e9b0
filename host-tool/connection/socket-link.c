/*
 * A guest behind three local sockets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/socket-link.h"

#include "connection/agent-channel.h"
#include "connection/qmp.h"
#include "connection/unix-connect.h"

typedef struct SocketLink {
    GuestLink link;
    Qmp *qmp;
    AgentChannel *agent;
    char *trace_path;
} SocketLink;

static json_object *socket_qmp_execute(GuestLink *link, const char *command,
                                       json_object *arguments,
                                       unsigned timeout_ms, GError **error)
{
    SocketLink *self = (SocketLink *)link;

    return qmp_execute(self->qmp, command, arguments, timeout_ms, error);
}

static json_object *socket_agent_execute(GuestLink *link, const char *command,
                                         json_object *arguments,
                                         unsigned timeout_ms, GError **error)
{
    SocketLink *self = (SocketLink *)link;

    return agent_channel_execute(self->agent, command, arguments, timeout_ms,
                                 error);
}

static int socket_open_trace(GuestLink *link, GError **error)
{
    SocketLink *self = (SocketLink *)link;

    return unix_connect(self->trace_path, "the trace channel", error);
}

static int socket_event_fd(GuestLink *link)
{
    return qmp_fd(((SocketLink *)link)->qmp);
}

static gboolean socket_pump(GuestLink *link, GError **error)
{
    return qmp_pump(((SocketLink *)link)->qmp, error);
}

static gboolean socket_next_event(GuestLink *link, GuestEvent *event)
{
    return qmp_next_event(((SocketLink *)link)->qmp, event);
}

static void socket_free(GuestLink *link)
{
    SocketLink *self = (SocketLink *)link;

    qmp_free(self->qmp);
    agent_channel_free(self->agent);
    g_free(self->trace_path);
    g_free(self);
}

static const GuestLinkOps socket_ops = {
    .qmp_execute = socket_qmp_execute,
    .agent_execute = socket_agent_execute,
    .open_trace = socket_open_trace,
    .event_fd = socket_event_fd,
    .pump = socket_pump,
    .next_event = socket_next_event,
    .free = socket_free,
};

GuestLink *socket_link_open(const SocketLinkPaths *paths, GError **error)
{
    SocketLink *self = g_new0(SocketLink, 1);
    g_autoptr(GuestLink) link = &self->link;

    link->ops = &socket_ops;
    self->trace_path = g_strdup(paths->trace);
    self->qmp = qmp_connect(paths->qmp, error);
    if (!self->qmp) {
        return NULL;
    }
    self->agent = agent_channel_connect(paths->agent, error);
    return self->agent ? g_steal_pointer(&link) : NULL;
}
