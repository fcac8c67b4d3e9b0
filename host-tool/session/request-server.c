/*
 * RequestServer: records a guest whenever it asks.
 *
 * While nobody asks, only the trace channel is open, and what comes from it is
 * looked at no faster than an operator could read; a request has a fixed size
 * and is checked before anything else happens.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/request-server.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connection/json-read.h"
#include "connection/unix-connect.h"
#include "qga/control.h"
#include "session/guest-recording.h"
#include "session/session-error.h"
#include "session/stop-signals.h"

/* How often a guest that isn't there is looked for. */
#define RETRY_MS 2000
/* A guest that is refused, or makes noise, is heard again after so long. */
#define PAUSE_MS 200
/* Refusals that are logged in a minute: the log is not the guest's. */
#define MAX_LOGGED    10
#define LOG_MINUTE_US (60 * G_USEC_PER_SEC)
#define MAX_COMMAND   120

typedef struct Server {
    const RequestServerOptions *options;
    const GuestAddress *address;
    RequestHistory history;
    StopSignals signals;
    gboolean is_stopped;
    GuestLink *link; /* NULL: opened for each recording */
    int fd;          /* the trace channel; -1: not there */
    Guardian *guardian;
    GuestLeavings leavings; /* a channel that was plugged in */
    gboolean was_told_waiting;
    gboolean was_told_noise;
    gint64 log_begin_us;
    guint n_logged;
} Server;

static void say(const Server *server, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

static void say(const Server *server, const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autofree char *line = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    line = g_strdup_printf("%s: %s", server->address->name, text);
    server->options->say(line, server->options->watcher);
}

/* Until there is something to read, or the time is over; takes signals. */
static void wait_for(Server *server, int timeout_ms)
{
    struct pollfd fds[] = {
        {.fd = server->signals.fd, .events = POLLIN},
        {.fd = timeout_ms < 0 ? server->fd : -1, .events = POLLIN},
        {.fd = timeout_ms < 0 && server->link
                   ? guest_link_event_fd(server->link)
                   : -1,
         .events = POLLIN},
    };

    poll(fds, G_N_ELEMENTS(fds), timeout_ms);
    while (stop_signals_take(&server->signals)) {
        server->is_stopped = TRUE;
    }
}

/* --- the channel --- */

static void set_plugged(Server *server, gboolean is_plugged)
{
    server->leavings.is_plugged = is_plugged;
    guardian_tell(server->guardian, 0, &server->leavings);
}

/* What can't be taken out now is left to the guardian. */
static void close_channel(Server *server)
{
    if (server->fd >= 0) {
        close(server->fd);
        server->fd = -1;
    }
    if (server->link && server->leavings.is_plugged &&
        guest_link_unplug_trace(server->link, NULL)) {
        set_plugged(server, FALSE);
    }
    g_clear_pointer(&server->link, guest_link_free);
}

static gboolean plug_channel(Server *server, GError **error)
{
    /* One that could not be taken out of it before may still be there. */
    gboolean was_plugged = server->leavings.is_plugged;
    gboolean has_trace = FALSE;

    if (!guest_link_check_running(server->link, error) ||
        !guest_link_has_trace(server->link, &has_trace, error)) {
        return FALSE;
    }
    if (has_trace) {
        return TRUE;
    }
    set_plugged(server, TRUE);
    if (!guest_link_plug_trace(server->link, error)) {
        set_plugged(server, was_plugged);
        return FALSE;
    }
    return TRUE;
}

/* A socket of its own needs no link; other guests' channel comes with one. */
static gboolean open_channel(Server *server, GError **error)
{
    if (server->address->trace_path) {
        server->fd = unix_connect(server->address->trace_path,
                                  "the trace channel", error);
        return server->fd >= 0;
    }
    server->link = guest_address_open(server->address, error);
    if (server->link && plug_channel(server, error)) {
        server->fd = guest_link_open_trace(server->link, error);
    }
    if (server->fd < 0) {
        close_channel(server);
    }
    return server->fd >= 0;
}

static void find_guest(Server *server)
{
    g_autoptr(GError) error = NULL;

    if (open_channel(server, &error)) {
        server->was_told_waiting = FALSE;
        say(server, "listening for requests of this guest");
        return;
    }
    if (!server->was_told_waiting) {
        say(server, "waiting for the guest: %s", error->message);
        server->was_told_waiting = TRUE;
    }
    wait_for(server, RETRY_MS);
}

/*
 * libvirt gives up a connection that nobody looks after.  What happens to a
 * guest while it isn't recorded is of no interest.
 */
static gboolean follow_guest(Server *server)
{
    g_autoptr(GError) error = NULL;
    GuestEvent event;

    if (!server->link) {
        return TRUE;
    }
    if (!guest_link_pump(server->link, &error)) {
        say(server, "the guest is gone: %s", error->message);
        close_channel(server);
        return FALSE;
    }
    while (guest_link_next_event(server->link, &event)) {
        /* the next one */
    }
    return TRUE;
}

/* --- what is kept --- */

static uint64_t directory_bytes(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    uint64_t bytes = 0;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        struct stat info;

        if (lstat(file, &info) == 0 && S_ISREG(info.st_mode)) {
            bytes += (uint64_t)info.st_blocks * 512;
        }
    }
    return bytes;
}

/* Of all recordings that are called as this guest's are. */
static uint64_t kept_bytes(const Server *server)
{
    const char *top =
        server->options->output_dir ? server->options->output_dir : ".";
    g_autofree char *prefix = g_strconcat(server->address->name, "-", NULL);
    g_autoptr(GDir) dir = g_dir_open(top, 0, NULL);
    const char *name;
    uint64_t bytes = 0;

    while (dir && (name = g_dir_read_name(dir))) {
        if (g_str_has_prefix(name, prefix)) {
            g_autofree char *path = g_build_filename(top, name, NULL);

            bytes += directory_bytes(path);
        }
    }
    return bytes;
}

/* --- a request --- */

static void record(Server *server, const TraceControl *request,
                   Control *control)
{
    const RequestServerOptions *options = server->options;
    g_auto(GStrv) events = request_policy_events(request);
    uint32_t limit_ms = request_policy_duration_ms(&options->policy, request);
    RecordingOptions recording = {
        .name = server->address->name,
        .output_dir = options->output_dir,
        .duration_us = (gint64)limit_ms * 1000,
        .max_bytes = options->max_bytes,
        .limits = options->limits,
        .is_snapshot = request->flags & TRACE_CONTROL_SNAPSHOT,
        .host = {.events = events, .buffer_kib = options->host_buffer_kib},
    };
    g_autoptr(GPtrArray) guests =
        g_ptr_array_new_with_free_func((GDestroyNotify)guest_recording_free);
    GuestRecording *guest = guest_recording_new(server->address);
    g_auto(RecordingResult) result = {0};
    g_autoptr(GError) error = NULL;

    guest->link = server->link;
    guest->request_fd = server->fd;
    guest->request_id = request->id;
    guest->request_limit_ms = limit_ms;
    g_ptr_array_add(guests, guest);
    control_say(control, TRACE_CONTROL_PENDING, request->id, 0, "");
    recording_run(&recording, guests, &result, &error);
    if (!result.dir) {
        /* What is wrong with the host is no business of the guest's. */
        control_say(control, TRACE_CONTROL_REFUSED, request->id, 0,
                    "it cannot record now; its log says why");
    }
    server->is_stopped |= result.was_signalled;
    if (server->link) {
        guest->link = NULL; /* it stays ours */
    }
    options->recorded(&result, error, options->watcher);
}

static void log_refusal(Server *server, const char *command, const char *why)
{
    gint64 now_us = g_get_monotonic_time();
    g_autofree char *shown = json_printable(why, 300);

    if (now_us - server->log_begin_us > LOG_MINUTE_US) {
        server->log_begin_us = now_us;
        server->n_logged = 0;
    }
    if (++server->n_logged > MAX_LOGGED) {
        return;
    }
    say(server, "refused to record '%s': %s%s", command, shown,
        server->n_logged == MAX_LOGGED
            ? " (more refusals within this minute are not logged)"
            : "");
}

static void answer(Server *server, const TraceControl *request,
                   Control *control)
{
    gint64 now_us = g_get_monotonic_time();
    g_autofree char *command = json_printable(request->text, MAX_COMMAND);
    g_autofree char *why =
        request_policy_refuse(&server->options->policy, &server->history,
                              request, kept_bytes(server), now_us);

    if (why) {
        control_say(control, TRACE_CONTROL_REFUSED, request->id, 0, why);
        log_refusal(server, command, why);
        wait_for(server, PAUSE_MS);
        return;
    }
    request_history_add(&server->history, now_us);
    say(server, "recording '%s', as the guest asks, for %u s at most", command,
        (request_policy_duration_ms(&server->options->policy, request) + 999) /
            1000);
    record(server, request, control);
}

static void listen_once(Server *server, Control *control)
{
    TraceControl request;

    switch (control_read(control, &request)) {
    case CONTROL_MESSAGE:
        answer(server, &request, control);
        break;
    case CONTROL_NOTHING:
        wait_for(server, -1);
        break;
    case CONTROL_NOISE:
        if (!server->was_told_noise) {
            say(server, "something else than requests comes from the guest; "
                        "it is thrown away");
            server->was_told_noise = TRUE;
        }
        wait_for(server, PAUSE_MS);
        break;
    case CONTROL_CLOSED:
        close_channel(server);
        wait_for(server, PAUSE_MS);
        break;
    }
}

static void serve(Server *server)
{
    g_autoptr(Control) control = control_new(server->fd, CONTROL_HOST);

    while (!server->is_stopped && server->fd >= 0 && follow_guest(server)) {
        listen_once(server, control);
    }
}

/* Before anything is connected, so that it has none of it. */
static gboolean start_guardian(Server *server, GError **error)
{
    g_autoptr(GPtrArray) addresses = g_ptr_array_new();

    g_ptr_array_add(addresses, (gpointer)server->address);
    server->guardian = guardian_start(addresses, error);
    return server->guardian != NULL;
}

gboolean request_server_run(const RequestServerOptions *options,
                            const GuestAddress *address, GError **error)
{
    Server server = {.options = options, .address = address, .fd = -1};

    if (!start_guardian(&server, error)) {
        return FALSE;
    }
    if (!stop_signals_block(&server.signals, error)) {
        guardian_free(server.guardian);
        return FALSE;
    }
    request_history_init(&server.history);
    while (!server.is_stopped) {
        if (server.fd < 0) {
            find_guest(&server);
        } else {
            serve(&server);
        }
    }
    close_channel(&server);
    guardian_free(server.guardian);
    request_history_clear(&server.history);
    stop_signals_unblock(&server.signals);
    return TRUE;
}
