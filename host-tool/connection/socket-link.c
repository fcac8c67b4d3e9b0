/*
 * A guest behind three local sockets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/socket-link.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connection/agent-channel.h"
#include "connection/connection-error.h"
#include "connection/hotplug.h"
#include "connection/json-read.h"
#include "connection/qmp.h"
#include "connection/unix-connect.h"

#define STATUS_TIMEOUT_MS 10000
#define MAX_PATH          4096

typedef struct SocketLink {
    GuestLink link;
    Qmp *qmp;
    AgentChannel *agent;
    char *agent_path;
    char *trace_path; /* NULL: it is plugged in */
    int plugged_fd;   /* our end of what was plugged in; -1: taken or none */
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

static gboolean is_same_file(const char *a, const char *b)
{
    struct stat stat_a, stat_b;

    return stat(a, &stat_a) == 0 && stat(b, &stat_b) == 0 &&
           stat_a.st_dev == stat_b.st_dev && stat_a.st_ino == stat_b.st_ino;
}

/* Of "unix:PATH" or "unix:PATH,server=on", as QEMU names a character device. */
static gboolean is_socket_at(const char *name, const char *path)
{
    const char *at = name ? strstr(name, "unix:") : NULL;
    g_autofree char *other = NULL;
    char *options;

    if (!at) {
        return FALSE;
    }
    other = g_strdup(at + strlen("unix:"));
    options = strstr(other, ",server");
    if (options) {
        *options = '\0';
    }
    return is_same_file(other, path);
}

/* By QEMU's word, which knows what the guest's driver told of its port. */
static gboolean is_agent_there(gpointer data)
{
    SocketLink *self = data;
    g_autoptr(json_object) list =
        qmp_execute(self->qmp, "query-chardev", NULL, STATUS_TIMEOUT_MS, NULL);
    gboolean is_open = TRUE;

    if (!json_object_is_type(list, json_type_array)) {
        return TRUE;
    }
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *device = json_object_array_get_idx(list, i);

        if (is_socket_at(json_read_string(device, "filename", MAX_PATH),
                         self->agent_path)) {
            json_read_bool(device, "frontend-open", &is_open);
        }
    }
    return is_open;
}

static gboolean socket_check_running(GuestLink *link, GError **error)
{
    g_autoptr(json_object) status =
        socket_qmp_execute(link, "query-status", NULL, STATUS_TIMEOUT_MS,
                           error);
    gboolean is_running = TRUE;

    if (!status) {
        return FALSE;
    }
    json_read_bool(status, "running", &is_running);
    if (!is_running) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_REFUSED,
                    "the guest is paused, so that its agent cannot answer; "
                    "continue it with QMP's command 'cont'");
    }
    return is_running;
}

static gboolean socket_has_trace(GuestLink *link, gboolean *has,
                                 G_GNUC_UNUSED GError **error)
{
    *has = ((SocketLink *)link)->trace_path != NULL;
    return TRUE;
}

static gboolean socket_plug_trace(GuestLink *link, GError **error)
{
    SocketLink *self = (SocketLink *)link;

    /* What a killed recording left leads nowhere. */
    if (!hotplug_remove(self->qmp, error)) {
        return FALSE;
    }
    self->plugged_fd = hotplug_add(self->qmp, GUEST_LINK_TRACE_PORT, error);
    return self->plugged_fd >= 0;
}

static gboolean socket_unplug_trace(GuestLink *link, GError **error)
{
    return hotplug_remove(((SocketLink *)link)->qmp, error);
}

static int socket_open_trace(GuestLink *link, GError **error)
{
    SocketLink *self = (SocketLink *)link;
    int fd = self->plugged_fd;

    if (fd >= 0) {
        self->plugged_fd = -1;
        return fd;
    }
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
    if (self->plugged_fd >= 0) {
        close(self->plugged_fd);
    }
    g_free(self->agent_path);
    g_free(self->trace_path);
    g_free(self);
}

static const GuestLinkOps socket_ops = {
    .qmp_execute = socket_qmp_execute,
    .agent_execute = socket_agent_execute,
    .check_running = socket_check_running,
    .has_trace = socket_has_trace,
    .plug_trace = socket_plug_trace,
    .unplug_trace = socket_unplug_trace,
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
    self->agent_path = g_strdup(paths->agent);
    self->trace_path = g_strdup(paths->trace);
    self->plugged_fd = -1;
    self->qmp = qmp_connect(paths->qmp, error);
    if (!self->qmp) {
        return NULL;
    }
    self->agent = agent_channel_connect(paths->agent, error);
    if (!self->agent) {
        return NULL;
    }
    agent_channel_set_look(self->agent, is_agent_there, self);
    return g_steal_pointer(&link);
}
