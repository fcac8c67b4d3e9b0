/*
 * A guest behind libvirt.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/libvirt-link.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "connection/connection-error.h"
#include "connection/host-ticks.h"
#include "connection/json-read.h"
#include "connection/libvirt-channel.h"
#include "connection/libvirt-error.h"
#include "connection/libvirt-loop.h"

#define MAX_EVENTS      1024
#define ENDING_TRIES    20
#define ENDING_RETRY_US 100000
#define MS_PER_S        1000

typedef struct LibvirtLink {
    GuestLink link;
    virConnectPtr connection;
    virDomainPtr domain;
    char *name;
    int qmp_events; /* ids of callbacks; -1: none */
    int lifecycle;
    GArray *events; /* of GuestEvent, oldest first */
    char *gone;     /* why the domain can't be reached any more, or NULL */
    LibvirtChannel channel;
} LibvirtLink;

/* --- events --- */

static void on_qmp_event(G_GNUC_UNUSED virConnectPtr connection,
                         G_GNUC_UNUSED virDomainPtr domain, const char *name,
                         G_GNUC_UNUSED long long seconds,
                         G_GNUC_UNUSED unsigned micros,
                         G_GNUC_UNUSED const char *details, void *data)
{
    LibvirtLink *self = data;
    GuestEvent event = {.host_ticks = host_ticks_now()};

    if (guest_event_kind_parse(name, &event.kind) &&
        self->events->len < MAX_EVENTS) {
        g_array_append_val(self->events, event);
    }
}

static void set_gone(LibvirtLink *self, const char *why)
{
    if (!self->gone) {
        self->gone = g_strdup(why);
    }
}

static char *why_stopped(const LibvirtLink *self, int detail)
{
    switch (detail) {
    case VIR_DOMAIN_EVENT_STOPPED_MIGRATED:
        return g_strdup_printf(
            "it was migrated to another host; a channel "
            "that was plugged in is taken out over there "
            "with 'virsh detach-device-alias %s " LIBVIRT_CHANNEL_ALIAS
            " --live'",
            self->name);
    case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
        return g_strdup("its QEMU crashed");
    default:
        return g_strdup("the domain stopped");
    }
}

static int on_lifecycle(G_GNUC_UNUSED virConnectPtr connection,
                        G_GNUC_UNUSED virDomainPtr domain, int event,
                        int detail, void *data)
{
    g_autofree char *why = why_stopped(data, detail);

    if (event == VIR_DOMAIN_EVENT_STOPPED) {
        set_gone(data, why);
    }
    return 0;
}

static void on_close(G_GNUC_UNUSED virConnectPtr connection,
                     G_GNUC_UNUSED int reason, void *data)
{
    set_gone(data, "libvirt's daemon has closed the connection");
}

static gboolean watch_events(LibvirtLink *self, GError **error)
{
    g_autofree char *message = NULL;

    self->qmp_events = virConnectDomainQemuMonitorEventRegister(
        self->connection, self->domain, NULL, on_qmp_event, self, NULL, 0);
    self->lifecycle = virConnectDomainEventRegisterAny(
        self->connection, self->domain, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
        VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), self, NULL);
    if (self->qmp_events >= 0 && self->lifecycle >= 0 &&
        virConnectRegisterCloseCallback(self->connection, on_close, self,
                                        NULL) == 0) {
        return TRUE;
    }
    message = libvirt_error_message();
    g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_CONNECT,
                "libvirt does not tell of events of domain '%s': %s",
                self->name, message);
    return FALSE;
}

/* --- commands --- */

/* libvirt passes on whole replies: "return" is the caller's, or an error. */
static json_object *take_reply(LibvirtLink *self, const char *peer,
                               const char *command, const char *text,
                               GError **error)
{
    g_autoptr(json_object) reply = json_read_text(text);
    json_object *failure = json_read_member(reply, "error", json_type_object);
    json_object *answer = NULL;
    const char *class = json_read_string(failure, "class", 80);
    const char *desc = json_read_string(failure, "desc", 4096);

    if (failure) {
        g_autofree char *said = json_printable(desc ? desc : "no reason", 500);
        gboolean unknown = class && g_str_equal(class, "CommandNotFound");

        g_set_error(error, CONNECTION_ERROR,
                    unknown ? CONNECTION_ERROR_NO_COMMAND
                            : CONNECTION_ERROR_REFUSED,
                    "%s of domain '%s' refused %s: %s", peer, self->name,
                    command, said);
        return NULL;
    }
    if (reply) {
        json_object_object_get_ex(reply, "return", &answer);
    }
    if (!answer) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL,
                    "%s of domain '%s' answered %s with neither a result nor "
                    "an error",
                    peer, self->name, command);
    }
    return json_object_get(answer);
}

static char *request_text(const char *command, json_object *arguments)
{
    g_autoptr(json_object) request = json_object_new_object();

    json_object_object_add(request, "execute", json_object_new_string(command));
    if (arguments) {
        json_object_object_add(request, "arguments", arguments);
    }
    return g_strdup(
        json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN));
}

/* libvirt has no limit of time for a monitor command. */
static json_object *libvirt_qmp_execute(GuestLink *link, const char *command,
                                        json_object *arguments,
                                        G_GNUC_UNUSED unsigned timeout_ms,
                                        GError **error)
{
    LibvirtLink *self = (LibvirtLink *)link;
    g_autofree char *request = request_text(command, arguments);
    char *text = NULL;
    json_object *answer;

    if (virDomainQemuMonitorCommand(self->domain, request, &text, 0) < 0) {
        g_autofree char *message = libvirt_error_message();

        g_set_error(error, CONNECTION_ERROR, libvirt_error_kind(),
                    "libvirt cannot run %s in the monitor of domain '%s': %s",
                    command, self->name, message);
        return NULL;
    }
    answer = take_reply(self, "the monitor", command, text, error);
    free(text);
    return answer;
}

/*
 * To libvirt a domain that ends is at first only one whose agent no longer
 * answers.
 */
static gboolean is_ending(LibvirtLink *self)
{
    for (int i = 0; i < ENDING_TRIES; i++) {
        if (virDomainIsActive(self->domain) == 0) {
            return TRUE;
        }
        g_usleep(ENDING_RETRY_US);
    }
    return FALSE;
}

static void throw_agent_error(LibvirtLink *self, const char *command,
                              GError **error)
{
    g_autofree char *message = libvirt_error_message();
    int code = virGetLastErrorCode();
    ConnectionError kind = libvirt_error_kind();

    if (kind == CONNECTION_ERROR_TIMEOUT && is_ending(self)) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_CLOSED,
                    "guest '%s' shut down during %s of its agent: record it "
                    "again once it runs",
                    self->name, command);
    } else if (code == VIR_ERR_ARGUMENT_UNSUPPORTED) {
        g_set_error(error, CONNECTION_ERROR, kind,
                    "domain '%s' has no guest agent: give it the channel "
                    "org.qemu.guest_agent.0 and run qemu-ga in the guest (%s)",
                    self->name, message);
    } else if (code == VIR_ERR_RPC &&
               g_str_equal(command, "guest-exec-status")) {
        g_set_error(error, CONNECTION_ERROR, kind,
                    "libvirt does not pass on the output of a program in "
                    "domain '%s' when it is more than some 3 MiB; let the "
                    "program write to a file in the guest (%s)",
                    self->name, message);
    } else if (kind == CONNECTION_ERROR_TIMEOUT) {
        g_set_error(error, CONNECTION_ERROR, kind,
                    "the agent of domain '%s' does not answer %s: qemu-ga must "
                    "run in the guest (%s)",
                    self->name, command, message);
    } else {
        g_set_error(error, CONNECTION_ERROR, kind,
                    "the agent of domain '%s' refused %s: %s", self->name,
                    command, message);
    }
}

static json_object *libvirt_agent_execute(GuestLink *link, const char *command,
                                          json_object *arguments,
                                          unsigned timeout_ms, GError **error)
{
    LibvirtLink *self = (LibvirtLink *)link;
    g_autofree char *request = request_text(command, arguments);
    int timeout_s = (int)MIN((timeout_ms + MS_PER_S - 1) / MS_PER_S, 3600);
    char *text = virDomainQemuAgentCommand(self->domain, request, timeout_s, 0);
    json_object *answer;

    if (!text) {
        throw_agent_error(self, command, error);
        return NULL;
    }
    answer = take_reply(self, "the agent", command, text, error);
    free(text);
    return answer;
}

/* --- the trace channel --- */

static gboolean libvirt_has_trace(GuestLink *link, gboolean *has,
                                  GError **error)
{
    return libvirt_channel_exists(&((LibvirtLink *)link)->channel, has, error);
}

static gboolean libvirt_plug_trace(GuestLink *link, GError **error)
{
    return libvirt_channel_plug(&((LibvirtLink *)link)->channel, error);
}

static gboolean libvirt_unplug_trace(GuestLink *link, GError **error)
{
    return libvirt_channel_unplug(&((LibvirtLink *)link)->channel, error);
}

static int libvirt_open_trace(GuestLink *link, GError **error)
{
    return libvirt_channel_open(&((LibvirtLink *)link)->channel, error);
}

/* --- opening and closing --- */

static gboolean throw_connect(const char *uri, GError **error)
{
    g_autofree char *message = libvirt_error_message();

    g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_CONNECT,
                "cannot reach libvirt%s%s: %s; is libvirtd or virtqemud "
                "running, and may this user use it?",
                uri ? " at " : "", uri ? uri : "", message);
    return FALSE;
}

/* What is recorded is this machine, so the guest must run on it. */
static gboolean check_local(LibvirtLink *self, GError **error)
{
    char *uri = virConnectGetURI(self->connection);
    g_autoptr(GUri) parts =
        uri ? g_uri_parse(uri, G_URI_FLAGS_NON_DNS, NULL) : NULL;
    const char *host = parts ? g_uri_get_host(parts) : NULL;
    gboolean is_local = !host || !*host || g_str_equal(host, "localhost");

    if (!is_local) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_REFUSED,
                    "'%s' is libvirt of another machine; run this program on "
                    "the host of domain '%s'",
                    uri, self->name);
    }
    free(uri);
    return is_local;
}

static gboolean find_domain(LibvirtLink *self, GError **error)
{
    g_autofree char *message = NULL;

    self->domain = virDomainLookupByName(self->connection, self->name);
    if (self->domain) {
        self->channel.domain = self->domain;
        return TRUE;
    }
    message = libvirt_error_message();
    if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_NO_GUEST,
                    "libvirt knows no domain '%s'; 'virsh list --all' lists "
                    "those that it knows",
                    self->name);
    } else {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_CONNECT,
                    "cannot look up domain '%s': %s", self->name, message);
    }
    return FALSE;
}

static gboolean libvirt_check_running(GuestLink *link, GError **error)
{
    LibvirtLink *self = (LibvirtLink *)link;
    int state = VIR_DOMAIN_NOSTATE;
    ConnectionError kind = CONNECTION_ERROR_CONNECT;
    const char *what, *command;

    virDomainGetState(self->domain, &state, NULL, 0);
    switch (state) {
    case VIR_DOMAIN_RUNNING:
    case VIR_DOMAIN_BLOCKED:
        return TRUE;
    case VIR_DOMAIN_PAUSED:
        what = "is paused, so that its agent cannot answer";
        command = "resume";
        break;
    case VIR_DOMAIN_PMSUSPENDED:
        what = "is suspended";
        command = "dompmwakeup";
        break;
    default:
        kind = CONNECTION_ERROR_NO_GUEST;
        what = "does not run";
        command = "start";
    }
    g_set_error(error, CONNECTION_ERROR, kind,
                "domain '%s' %s; 'virsh %s %s' changes that", self->name, what,
                command, self->name);
    return FALSE;
}

static int libvirt_event_fd(G_GNUC_UNUSED GuestLink *link)
{
    return libvirt_loop_fd();
}

static gboolean libvirt_pump(GuestLink *link, GError **error)
{
    LibvirtLink *self = (LibvirtLink *)link;

    libvirt_loop_run();
    if (self->gone) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_CLOSED, "%s",
                    self->gone);
        return FALSE;
    }
    return TRUE;
}

static gboolean libvirt_next_event(GuestLink *link, GuestEvent *event)
{
    LibvirtLink *self = (LibvirtLink *)link;

    if (self->events->len == 0) {
        return FALSE;
    }
    *event = g_array_index(self->events, GuestEvent, 0);
    g_array_remove_index(self->events, 0);
    return TRUE;
}

static void close_connection(LibvirtLink *self)
{
    if (self->qmp_events >= 0) {
        virConnectDomainQemuMonitorEventDeregister(self->connection,
                                                   self->qmp_events);
    }
    if (self->lifecycle >= 0) {
        virConnectDomainEventDeregisterAny(self->connection, self->lifecycle);
    }
    if (self->domain) {
        virDomainFree(self->domain);
    }
    virConnectUnregisterCloseCallback(self->connection, on_close);
    virConnectClose(self->connection);
    /* The loop lets go of what the connection had in it. */
    libvirt_loop_run();
}

static void libvirt_free(GuestLink *link)
{
    LibvirtLink *self = (LibvirtLink *)link;

    if (self->connection) {
        close_connection(self);
    }
    libvirt_channel_clear(&self->channel);
    g_array_unref(self->events);
    g_free(self->gone);
    g_free(self->name);
    g_free(self);
}

static const GuestLinkOps libvirt_ops = {
    .qmp_execute = libvirt_qmp_execute,
    .agent_execute = libvirt_agent_execute,
    .check_running = libvirt_check_running,
    .has_trace = libvirt_has_trace,
    .plug_trace = libvirt_plug_trace,
    .unplug_trace = libvirt_unplug_trace,
    .open_trace = libvirt_open_trace,
    .event_fd = libvirt_event_fd,
    .pump = libvirt_pump,
    .next_event = libvirt_next_event,
    .free = libvirt_free,
};

GuestLink *libvirt_link_open(const char *uri, const char *domain,
                             GError **error)
{
    LibvirtLink *self = g_new0(LibvirtLink, 1);
    g_autoptr(GuestLink) link = &self->link;

    link->ops = &libvirt_ops;
    self->name = g_strdup(domain);
    self->events = g_array_new(FALSE, FALSE, sizeof(GuestEvent));
    self->qmp_events = self->lifecycle = -1;
    self->channel = (LibvirtChannel){.name = self->name, .lock_fd = -1};
    if (!libvirt_loop_init(error)) {
        return NULL;
    }
    self->connection = virConnectOpen(uri);
    if (!self->connection) {
        throw_connect(uri, error);
        return NULL;
    }
    if (!check_local(self, error) || !find_domain(self, error) ||
        !watch_events(self, error)) {
        return NULL;
    }
    return g_steal_pointer(&link);
}
