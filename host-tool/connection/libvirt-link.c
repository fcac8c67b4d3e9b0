/*
 * A guest behind libvirt.
 *
 * libvirt tells of events through an event loop that the whole process has
 * one of, so that is the one global state here.  It needs no thread: it is run
 * by guest_link_pump().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/libvirt-link.h"

#include <errno.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "connection/connection-error.h"
#include "connection/domain-xml.h"
#include "connection/event-loop.h"
#include "connection/host-ticks.h"
#include "connection/json-read.h"
#include "connection/unix-connect.h"

/* libvirt demands the prefix "ua-" (virDomainDefPostParseDeviceAlias). */
#define ALIAS "ua-qemu-trace-merge"
#define CHANNEL_XML                                            \
    "<channel type='unix'><source mode='bind'/>"               \
    "<target type='virtio' name='" GUEST_LINK_TRACE_PORT "'/>" \
    "<alias name='" ALIAS "'/></channel>"
#define MAX_EVENTS      1024
#define ENDING_TRIES    20
#define ENDING_RETRY_US 100000
#define MS_PER_S        1000
#define UNPLUG_US       (10 * G_USEC_PER_SEC)
#define UNPLUG_POLL     50000

typedef struct LibvirtLink {
    GuestLink link;
    virConnectPtr connection;
    virDomainPtr domain;
    char *name;
    int qmp_events; /* ids of callbacks; -1: none */
    int lifecycle;
    GArray *events; /* of GuestEvent, oldest first */
    char *gone;     /* why the domain can't be reached any more, or NULL */
    int lock_fd;    /* held while the channel is ours; -1: not */
} LibvirtLink;

/* --- libvirt's event loop --- */

static EventLoop *loop;

typedef struct HandleAdapter {
    virEventHandleCallback callback;
    virFreeCallback free;
    void *opaque;
} HandleAdapter;

typedef struct TimeoutAdapter {
    virEventTimeoutCallback callback;
    virFreeCallback free;
    void *opaque;
} TimeoutAdapter;

static uint32_t to_epoll(int events)
{
    return (events & VIR_EVENT_HANDLE_READABLE ? EPOLLIN : 0) |
           (events & VIR_EVENT_HANDLE_WRITABLE ? EPOLLOUT : 0);
}

static int from_epoll(uint32_t events)
{
    return (events & EPOLLIN ? VIR_EVENT_HANDLE_READABLE : 0) |
           (events & EPOLLOUT ? VIR_EVENT_HANDLE_WRITABLE : 0) |
           (events & EPOLLERR ? VIR_EVENT_HANDLE_ERROR : 0) |
           (events & EPOLLHUP ? VIR_EVENT_HANDLE_HANGUP : 0);
}

static void handle_ready(int id, int fd, uint32_t events, gpointer data)
{
    HandleAdapter *adapter = data;

    adapter->callback(id, fd, from_epoll(events), adapter->opaque);
}

static void handle_free(gpointer data)
{
    HandleAdapter *adapter = data;

    if (adapter->free) {
        adapter->free(adapter->opaque);
    }
    g_free(adapter);
}

static int add_handle(int fd, int events, virEventHandleCallback callback,
                      void *opaque, virFreeCallback free_opaque)
{
    HandleAdapter *adapter = g_new(HandleAdapter, 1);
    EventLoopWatch watch = {handle_ready, handle_free, adapter};
    int id;

    *adapter = (HandleAdapter){callback, free_opaque, opaque};
    id = event_loop_add_watch(loop, fd, to_epoll(events), &watch);
    if (id < 0) {
        g_free(adapter);
    }
    return id;
}

static void update_handle(int id, int events)
{
    event_loop_update_watch(loop, id, to_epoll(events));
}

static int remove_handle(int id)
{
    return event_loop_remove_watch(loop, id) ? 0 : -1;
}

static void timeout_expired(int id, gpointer data)
{
    TimeoutAdapter *adapter = data;

    adapter->callback(id, adapter->opaque);
}

static void timeout_free(gpointer data)
{
    TimeoutAdapter *adapter = data;

    if (adapter->free) {
        adapter->free(adapter->opaque);
    }
    g_free(adapter);
}

static int add_timeout(int interval_ms, virEventTimeoutCallback callback,
                       void *opaque, virFreeCallback free_opaque)
{
    TimeoutAdapter *adapter = g_new(TimeoutAdapter, 1);
    EventLoopTimer timer = {timeout_expired, timeout_free, adapter};

    *adapter = (TimeoutAdapter){callback, free_opaque, opaque};
    return event_loop_add_timer(loop, interval_ms, &timer);
}

static void update_timeout(int id, int interval_ms)
{
    event_loop_update_timer(loop, id, interval_ms);
}

static int remove_timeout(int id)
{
    return event_loop_remove_timer(loop, id) ? 0 : -1;
}

/* --- errors --- */

static void ignore_error(G_GNUC_UNUSED void *data,
                         G_GNUC_UNUSED virErrorPtr error)
{
    /* libvirt would print it: each caller makes its own sentence of it. */
}

/* How libvirt begins what an agent said (qemuAgentCheckError). */
static const char agent_said[] =
    "internal error: unable to execute QEMU agent command '";

/* What libvirt says, which may quote the guest. */
static char *last_message(void)
{
    const char *text = virGetLastErrorMessage();
    const char *said = g_str_has_prefix(text, agent_said)
                           ? strstr(text + strlen(agent_said), "': ")
                           : NULL;

    return json_printable(said ? said + strlen("': ") : text, 500);
}

static gboolean connection_is_lost(void)
{
    int code = virGetLastErrorCode();

    return code == VIR_ERR_RPC || code == VIR_ERR_SYSTEM_ERROR ||
           code == VIR_ERR_NO_CONNECT || code == VIR_ERR_INVALID_CONN;
}

static ConnectionError classify(void)
{
    const char *text = virGetLastErrorMessage();

    switch (virGetLastErrorCode()) {
    case VIR_ERR_AGENT_UNRESPONSIVE:
    case VIR_ERR_AGENT_UNSYNCED:
    case VIR_ERR_OPERATION_TIMEOUT:
        return CONNECTION_ERROR_TIMEOUT;
    case VIR_ERR_NO_DOMAIN:
    case VIR_ERR_OPERATION_INVALID:
        return CONNECTION_ERROR_CLOSED;
    default:
        return connection_is_lost() ? CONNECTION_ERROR_CLOSED
               : strstr(text, "has not been found")
                   ? CONNECTION_ERROR_NO_COMMAND
                   : CONNECTION_ERROR_REFUSED;
    }
}

static gboolean init_library(GError **error)
{
    if (loop) {
        return TRUE;
    }
    virSetErrorFunc(NULL, ignore_error);
    loop = event_loop_new();
    if (!loop || virInitialize() < 0) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_CONNECT,
                    "cannot start libvirt's library: %s", g_strerror(errno));
        return FALSE;
    }
    virEventRegisterImpl(add_handle, update_handle, remove_handle, add_timeout,
                         update_timeout, remove_timeout);
    return TRUE;
}

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
        return g_strdup_printf("it was migrated to another host; a channel "
                               "that was plugged in is taken out over there "
                               "with 'virsh detach-device-alias %s " ALIAS
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
    message = last_message();
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
        g_autofree char *message = last_message();

        g_set_error(error, CONNECTION_ERROR, classify(),
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
    g_autofree char *message = last_message();
    int code = virGetLastErrorCode();
    ConnectionError kind = classify();

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

static DomainChannel *find_channel(LibvirtLink *self, GError **error)
{
    char *xml = virDomainGetXMLDesc(self->domain, 0);
    DomainChannel *channel;

    if (!xml) {
        g_autofree char *message = last_message();

        g_set_error(error, CONNECTION_ERROR, classify(),
                    "libvirt does not describe domain '%s': %s", self->name,
                    message);
        return NULL;
    }
    channel = domain_xml_find_channel(xml, GUEST_LINK_TRACE_PORT, error);
    free(xml);
    return channel;
}

static gboolean is_ours(const DomainChannel *channel)
{
    return g_strcmp0(channel->alias, ALIAS) == 0;
}

static gboolean libvirt_has_trace(GuestLink *link, gboolean *has,
                                  GError **error)
{
    GError *cause = NULL;
    g_autoptr(DomainChannel) channel =
        find_channel((LibvirtLink *)link, &cause);

    if (cause) {
        g_propagate_error(error, cause);
        return FALSE;
    }
    *has = channel && !is_ours(channel);
    return TRUE;
}

/*
 * Whoever plugs the channel in also takes it out, so only one may.  The name
 * is in no file system: nothing of it is left when its owner dies.
 */
static gboolean take_lock(LibvirtLink *self, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    socklen_t length;

    if (self->lock_fd >= 0) {
        return TRUE;
    }
    virDomainGetUUIDString(self->domain, uuid);
    g_snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
               "qemu-trace-merge/%s", uuid);
    length = offsetof(struct sockaddr_un, sun_path) + 1 +
             strlen(address.sun_path + 1);
    self->lock_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (self->lock_fd >= 0 &&
        bind(self->lock_fd, (struct sockaddr *)&address, length) == 0) {
        return TRUE;
    }
    g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_BUSY,
                errno == EADDRINUSE
                    ? "domain '%s' is being recorded by another "
                      "qemu-trace-merge; wait for its end"
                    : "cannot lock domain '%s' against other recordings",
                self->name);
    if (self->lock_fd >= 0) {
        close(self->lock_fd);
        self->lock_fd = -1;
    }
    return FALSE;
}

static gboolean libvirt_plug_trace(GuestLink *link, GError **error)
{
    LibvirtLink *self = (LibvirtLink *)link;
    g_autoptr(DomainChannel) left = NULL;
    GError *cause = NULL;

    if (!take_lock(self, error)) {
        return FALSE;
    }
    left = find_channel(self, &cause);
    if (cause) {
        g_propagate_error(error, cause);
        return FALSE;
    }
    /* One that a killed recording left serves as well. */
    if (left || virDomainAttachDeviceFlags(self->domain, CHANNEL_XML,
                                           VIR_DOMAIN_AFFECT_LIVE) == 0) {
        return TRUE;
    }
    {
        g_autofree char *message = last_message();

        g_set_error(error, CONNECTION_ERROR, classify(),
                    "cannot plug the channel " GUEST_LINK_TRACE_PORT
                    " into domain '%s': %s",
                    self->name, message);
    }
    return FALSE;
}

/* QEMU takes the port out at once, but libvirt hears of it a little later. */
static gboolean await_unplugged(LibvirtLink *self)
{
    gint64 end_us = g_get_monotonic_time() + UNPLUG_US;

    for (;;) {
        g_autoptr(GError) error = NULL;
        g_autoptr(DomainChannel) channel = find_channel(self, &error);

        if (!channel || !is_ours(channel)) {
            return error == NULL;
        }
        if (g_get_monotonic_time() > end_us) {
            return FALSE;
        }
        event_loop_run(loop);
        g_usleep(UNPLUG_POLL);
    }
}

static gboolean libvirt_unplug_trace(GuestLink *link, GError **error)
{
    LibvirtLink *self = (LibvirtLink *)link;
    GError *cause = NULL;
    g_autofree char *message = NULL;
    g_autoptr(DomainChannel) channel = NULL;

    /* If another recording has it by now, it is not ours any more. */
    if (!take_lock(self, NULL) || virDomainIsActive(self->domain) == 0) {
        return TRUE;
    }
    channel = find_channel(self, &cause);
    if (cause) {
        g_propagate_error(error, cause);
        return FALSE;
    }
    if (!channel || !is_ours(channel)) {
        return TRUE;
    }
    if (virDomainDetachDeviceAlias(self->domain, ALIAS,
                                   VIR_DOMAIN_AFFECT_LIVE) == 0 &&
        await_unplugged(self)) {
        return TRUE;
    }
    message = last_message();
    g_set_error(error, CONNECTION_ERROR, classify(),
                "cannot take the channel " GUEST_LINK_TRACE_PORT
                " out of domain '%s' again (%s); do it with 'virsh "
                "detach-device-alias %s " ALIAS " --live'",
                self->name, message, self->name);
    return FALSE;
}

static int libvirt_open_trace(GuestLink *link, GError **error)
{
    LibvirtLink *self = (LibvirtLink *)link;
    GError *cause = NULL;
    g_autoptr(DomainChannel) channel = find_channel(self, &cause);

    if (cause) {
        g_propagate_error(error, cause);
        return -1;
    }
    if (!channel || g_strcmp0(channel->type, "unix") != 0 || !channel->path) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_CONNECT,
                    "the channel " GUEST_LINK_TRACE_PORT " of domain '%s' %s; "
                    "it needs type='unix' and <source mode='bind'/>",
                    self->name,
                    channel ? "does not lead to a socket of this machine"
                            : "is not there");
        return -1;
    }
    return unix_connect(channel->path, "the trace channel", error);
}

/* --- opening and closing --- */

static gboolean throw_connect(const char *uri, GError **error)
{
    g_autofree char *message = last_message();

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
        return TRUE;
    }
    message = last_message();
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
    return event_loop_fd(loop);
}

static gboolean libvirt_pump(GuestLink *link, GError **error)
{
    LibvirtLink *self = (LibvirtLink *)link;

    event_loop_run(loop);
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
    event_loop_run(loop);
}

static void libvirt_free(GuestLink *link)
{
    LibvirtLink *self = (LibvirtLink *)link;

    if (self->connection) {
        close_connection(self);
    }
    if (self->lock_fd >= 0) {
        close(self->lock_fd);
    }
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
    self->qmp_events = self->lifecycle = self->lock_fd = -1;
    if (!init_library(error)) {
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
