/*
 * Starting the recording of one guest, and speaking to its recorder.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/guest-recording-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "connection/connection-error.h"
#include "connection/offset-query.h"
#include "session/guest-clock.h"
#include "session/session-error.h"

/* What an earlier recording left on its way comes at once, if at all. */
#define STALE_QUIET_MS 100
#define STALE_MAX_US   (3 * G_USEC_PER_SEC)
#define FIRST_BYTES_US (5 * G_USEC_PER_SEC)
#define FIRST_POLL_US  10000

GuestRecording *guest_recording_new(const GuestAddress *address)
{
    GuestRecording *guest = g_new0(GuestRecording, 1);

    guest->name = g_strdup(address->name);
    guest->address = guest_address_copy(address);
    guest->request_fd = guest->control_fd = -1;
    guest->pull_fd = -1;
    guest->queries =
        g_ptr_array_new_with_free_func((GDestroyNotify)offset_query_free);
    return guest;
}

void guest_recording_free(GuestRecording *guest)
{
    if (guest) {
        receiver_free(guest->receiver);
        control_free(guest->control);
        if (guest->control_fd >= 0) {
            close(guest->control_fd);
        }
        if (guest->pull_fd >= 0) {
            close(guest->pull_fd);
        }
        guest_leavings_clear(&guest->leavings);
        agent_free(guest->agent);
        guest_link_free(guest->link);
        guest_address_free(guest->address);
        g_ptr_array_unref(guest->queries);
        g_free(guest->name);
        g_free(guest->failure);
        g_free(guest);
    }
}

gboolean guest_recording_open(GuestRecording *guest, GError **error)
{
    if (!guest->link) {
        guest->link = guest_address_open(guest->address, error);
    }
    return guest->link != NULL;
}

void guest_recording_fail(GuestRecording *guest, char *sentence)
{
    if (guest->failure) {
        g_free(sentence);
    } else {
        guest->failure = sentence;
    }
}

gboolean guest_recording_take_query(GuestRecording *guest,
                                    OffsetFreshness freshness, GError **error)
{
    OffsetQuery *query = offset_source_query(guest->link, guest->offset_choice,
                                             freshness, error);

    if (!query) {
        return FALSE;
    }
    g_ptr_array_add(guest->queries, query);
    return TRUE;
}

GuestTracer guest_recording_tracer(const GuestRecording *guest)
{
    return (GuestTracer){
        .agent = guest->agent,
        .program = guest->leavings.program_file,
        .output_file = guest->leavings.stream_file,
    };
}

void guest_recording_tell_guardian(GuestRecording *guest)
{
    if (guest->guardian) {
        guardian_tell(guest->guardian, guest->index, &guest->leavings);
    }
}

gboolean guest_recording_query(GuestRecording *guest, OffsetFreshness freshness,
                               GError **error)
{
    if (!guest_recording_take_query(guest, freshness, error)) {
        return FALSE;
    }
    guest_clock_set(guest->machine, guest->queries, NULL);
    return TRUE;
}

static int create_stream(const char *dir, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "cannot create '%s': %s", path, g_strerror(errno));
    }
    return fd;
}

/*
 * QEMU may still hold bytes of a recording that nobody took to its end; they
 * would stand before the HELLO of ours.
 */
static void discard_stale(int fd)
{
    gint64 end_us = g_get_monotonic_time() + STALE_MAX_US;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    g_autofree char *buffer = g_malloc(64 << 10);

    while (g_get_monotonic_time() < end_us &&
           poll(&poll_fd, 1, STALE_QUIET_MS) > 0) {
        if (read(fd, buffer, 64 << 10) <= 0) {
            break;
        }
    }
}

static int open_trace(GuestRecording *guest, GError **error)
{
    return guest_recording_is_asked_for(guest)
               ? fcntl(guest->request_fd, F_DUPFD_CLOEXEC, 0)
               : guest_link_open_trace(guest->link, error);
}

gboolean guest_recording_receive(GuestRecording *guest, const char *dir,
                                 uint64_t max_bytes, GError **error)
{
    int file_fd = create_stream(dir, guest->machine->stream_file, error);
    int socket_fd;

    if (file_fd < 0) {
        return FALSE;
    }
    guest->is_received = TRUE;
    if (guest->leavings.stream_file) {
        guest->pull_fd = file_fd;
        guest->max_pull_bytes = max_bytes;
        return TRUE;
    }
    socket_fd = open_trace(guest, error);
    if (socket_fd < 0) {
        close(file_fd);
        return FALSE;
    }
    guest->control_fd = fcntl(socket_fd, F_DUPFD_CLOEXEC, 0);
    guest->control = control_new(guest->control_fd, CONTROL_HOST);
    if (!guest_recording_is_asked_for(guest)) {
        discard_stale(socket_fd);
    }
    guest->receiver =
        receiver_start(socket_fd, file_fd, max_bytes, guest->limits, error);
    return guest->receiver != NULL;
}

gboolean guest_recording_is_asked_for(const GuestRecording *guest)
{
    return guest->request_fd >= 0;
}

void guest_recording_tell(GuestRecording *guest, TraceControlKind kind,
                          const char *text)
{
    if (guest->control) {
        control_say(guest->control, kind, guest->request_id, 0, text);
    }
}

void guest_recording_hold(GuestRecording *guest, const char *marker)
{
    guest_recording_tell(guest, TRACE_CONTROL_HOLD, marker ? marker : "");
}

static void set_command(GuestRecording *guest, int64_t pid)
{
    guest->leavings.command_pid = pid;
    guest_recording_tell_guardian(guest);
}

gboolean guest_recording_run(GuestRecording *guest, const char *const *argv,
                             GError **error)
{
    int64_t pid;

    if (!agent_exec(guest->agent, argv, &pid, error)) {
        g_prefix_error(error, "cannot run '%s' in guest '%s': ", argv[0],
                       guest->name);
        return FALSE;
    }
    set_command(guest, pid);
    return TRUE;
}

gboolean guest_recording_look_at_command(GuestRecording *guest,
                                         AgentProcess *process, GError **error)
{
    if (!agent_exec_status(guest->agent, guest->leavings.command_pid, process,
                           error)) {
        return FALSE;
    }
    if (process->exited) {
        set_command(guest, 0);
    }
    return TRUE;
}

gboolean guest_recording_end_command(GuestRecording *guest,
                                     AgentProcess *process, GError **error)
{
    int64_t pid = guest->leavings.command_pid;

    set_command(guest, 0);
    return agent_exec_end(guest->agent, pid, process, error);
}

void guest_recording_watch(GuestRecording *guest)
{
    g_autofree char *text =
        g_strdup_printf("%" G_GINT64_FORMAT, guest->leavings.command_pid);

    guest_recording_tell(guest, TRACE_CONTROL_WATCH, text);
}

void guest_recording_freeze(GuestRecording *guest, const char *why)
{
    if (!guest_recording_has_ended(guest)) {
        guest_recording_tell(guest, TRACE_CONTROL_STOP, why);
    }
}

gboolean guest_recording_has_ended(const GuestRecording *guest)
{
    return guest->receiver &&
           (receiver_signs(guest->receiver).is_frozen ||
            receiver_state(guest->receiver) == RECEIVER_ENDED);
}

void guest_recording_tell_stored(GuestRecording *guest, const char *session)
{
    if (guest_recording_is_asked_for(guest)) {
        guest_recording_tell(guest, TRACE_CONTROL_DONE, session);
    }
}

static gboolean wait_first_bytes(GuestRecording *guest, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + FIRST_BYTES_US;

    while (guest->receiver && receiver_came_bytes(guest->receiver) == 0) {
        if (g_get_monotonic_time() > end_us ||
            receiver_state(guest->receiver) != RECEIVER_RECEIVING) {
            g_set_error(error, SESSION_ERROR, SESSION_ERROR_FAILED,
                        "guest '%s' records, but nothing arrives on its trace "
                        "channel: another program may hold that socket, or it "
                        "belongs to another port",
                        guest->name);
            return FALSE;
        }
        g_usleep(FIRST_POLL_US);
    }
    return TRUE;
}

/* A start that failed late may have left a recorder behind. */
static gboolean has_left_recorder(GuestRecording *guest, const GError *cause)
{
    g_auto(GuestTraceStatus) status = {0};
    GuestTracer tracer = guest_recording_tracer(guest);

    if (g_error_matches(cause, CONNECTION_ERROR, CONNECTION_ERROR_CLOSED)) {
        return FALSE;
    }
    return guest_trace_status(&tracer, &status, NULL) &&
           (status.state == GUEST_TRACE_RECORDING ||
            status.state == GUEST_TRACE_STOPPING);
}

gboolean guest_recording_start(GuestRecording *guest,
                               const GuestTraceOptions *options, GError **error)
{
    GuestTracer tracer = guest_recording_tracer(guest);
    GError *cause = NULL;

    if (guest_recording_is_asked_for(guest)) {
        guest->is_started = TRUE;
        control_say(guest->control, TRACE_CONTROL_GRANTED, guest->request_id,
                    guest->request_limit_ms, "");
        return wait_first_bytes(guest, error);
    }
    if (!guest_trace_start(&tracer, options, &cause)) {
        guest->is_started = has_left_recorder(guest, cause);
        g_propagate_error(error, cause);
        return FALSE;
    }
    guest->is_started = TRUE;
    return wait_first_bytes(guest, error);
}
