/*
 * Checking, starting, following and stopping the recording of one guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/guest-recording.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

#include "connection/connection-error.h"
#include "connection/guest-file.h"
#include "connection/json-read.h"
#include "connection/offset-query.h"
#include "connection/trace-port.h"
#include "session/disk-reserve.h"
#include "session/guest-clock.h"
#include "session/session-error.h"

/* What an earlier recording left on its way comes at once, if at all. */
#define STALE_QUIET_MS 100
#define STALE_MAX_US   (3 * G_USEC_PER_SEC)
#define FIRST_BYTES_US (5 * G_USEC_PER_SEC)
/* How long the guest may take to send what it still has. */
#define STOP_TIMEOUT_S 5
/* How often it is asked to stop while its agent does not answer. */
#define STOP_ASKS     3
#define STOP_POLL_US  (G_USEC_PER_SEC / 5)
#define DRAIN_POLL_US 10000
#define DYING_US      200000
/* What was on its way when the port was unplugged has come by then. */
#define UNPLUGGED_QUIET_US (2 * G_USEC_PER_SEC)
/* A guest that asked for its recording gives signs every second. */
#define ASKED_QUIET_US (10 * G_USEC_PER_SEC)
#define DRAIN_QUIET_US (2 * G_USEC_PER_SEC)
#define DRAIN_MAX_US   (30 * G_USEC_PER_SEC)
/* The same when the guest didn't say how much there is. */
#define DRAIN_BLIND_US (3 * G_USEC_PER_SEC)
/* Each look at a recording that stays in the guest is work for the guest. */
#define PULL_LOOK_US (5 * G_USEC_PER_SEC)
/* Whether a guest that is paused runs elsewhere by now. */
#define STATUS_LOOK_US    G_USEC_PER_SEC
#define STATUS_TIMEOUT_MS 2000
#define MAX_STATUS_NAME   40

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

static gint64 stop_end_us(const GuestRecording *guest)
{
    return g_get_monotonic_time() +
           (gint64)guest->limits->stop_s * G_USEC_PER_SEC;
}

static gboolean take_query(GuestRecording *guest, OffsetFreshness freshness,
                           GError **error)
{
    OffsetQuery *query = offset_source_query(guest->link, guest->offset_choice,
                                             freshness, error);

    if (!query) {
        return FALSE;
    }
    g_ptr_array_add(guest->queries, query);
    return TRUE;
}

/* Borrows from guest. */
static GuestTracer tracer_of(const GuestRecording *guest)
{
    return (GuestTracer){
        .agent = guest->agent,
        .program = guest->leavings.program_file,
        .output_file = guest->leavings.stream_file,
    };
}

static void tell_guardian(GuestRecording *guest)
{
    if (guest->guardian) {
        guardian_tell(guest->guardian, guest->index, &guest->leavings);
    }
}

/* Somebody else's recording is not ours to stop. */
static gboolean check_idle(GuestRecording *guest, GError **error)
{
    g_auto(GuestTraceStatus) status = {0};
    GuestTracer tracer = tracer_of(guest);

    if (!guest_trace_status(&tracer, &status, error)) {
        return FALSE;
    }
    if (status.state == GUEST_TRACE_RECORDING ||
        status.state == GUEST_TRACE_STOPPING) {
        g_set_error(error, SESSION_ERROR, SESSION_ERROR_REFUSED,
                    "guest '%s' is being recorded already; wait for the end of "
                    "that, or end it with 'qga-trace stop' in the guest",
                    guest->name);
        return FALSE;
    }
    return TRUE;
}

/*
 * Where a guest may let programs run; not all have all of them.  What a guest
 * forgets when it is reset comes first.
 */
static const char *const program_dirs[] = {"/dev/shm", "/run", "/tmp",
                                           "/var/tmp", "/root"};
/* A recording may be too large for a guest's memory. */
#define STREAM_DIR "/var/tmp"

/* A name that nobody can have prepared, and without blanks. */
static char *new_guest_file(const char *dir, const char *suffix)
{
    return g_strdup_printf("%s/qga-trace-%08x%08x%s", dir, g_random_int(),
                           g_random_int(), suffix);
}

static gboolean push_to(GuestRecording *guest, const char *dir, int fd,
                        GError **error)
{
    GuestTracer tracer;

    guest->leavings.program_file = new_guest_file(dir, "");
    tell_guardian(guest);
    tracer = tracer_of(guest);
    if (lseek(fd, 0, SEEK_SET) == 0 &&
        guest_file_write(guest->agent, tracer.program, fd, error) &&
        guest_file_make_program(guest->agent, tracer.program, error) &&
        guest_trace_try_program(&tracer, error)) {
        return TRUE;
    }
    guest_file_remove(guest->agent, tracer.program, NULL);
    g_clear_pointer(&guest->leavings.program_file, g_free);
    tell_guardian(guest);
    return FALSE;
}

/* Copies the recorder into the first directory from which it can be run. */
static gboolean push_recorder(GuestRecording *guest, const char *path,
                              GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    GError *cause = NULL;

    if (fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "cannot open '%s', which is to be copied into the guest: "
                    "%s",
                    path, g_strerror(errno));
        return FALSE;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(program_dirs); i++) {
        g_clear_error(&cause);
        if (push_to(guest, program_dirs[i], fd, &cause)) {
            break;
        }
    }
    close(fd);
    if (!guest->leavings.program_file) {
        g_propagate_prefixed_error(error, cause,
                                   "cannot copy a recorder into the guest: ");
        return FALSE;
    }
    return TRUE;
}

/* The guest will record into a file of its own. */
static gboolean choose_pull(GuestRecording *guest, GError **error)
{
    if (!guest_file_check_read(guest->agent, error)) {
        return FALSE;
    }
    guest->leavings.stream_file = new_guest_file(STREAM_DIR, ".stream");
    tell_guardian(guest);
    return TRUE;
}

static char *pull_warning(const GuestRecording *guest, const char *why)
{
    return g_strdup_printf("guest '%s' gets no trace channel (%s), so its "
                           "recording stays in the guest until the end and is "
                           "then copied through the agent, which is slow",
                           guest->name, why);
}

static gboolean plug_channel(GuestRecording *guest, char **warning,
                             GError **error)
{
    GError *cause = NULL;
    gboolean has_trace = FALSE;

    if (!guest_link_has_trace(guest->link, &has_trace, error)) {
        return FALSE;
    }
    if (has_trace) {
        return TRUE;
    }
    if (guest->is_pulled_only) {
        *warning = pull_warning(guest, "as asked for");
        return choose_pull(guest, error);
    }
    guest->leavings.is_plugged = TRUE;
    tell_guardian(guest);
    if (guest_link_plug_trace(guest->link, &cause)) {
        return TRUE;
    }
    guest->leavings.is_plugged = FALSE;
    tell_guardian(guest);
    if (g_error_matches(cause, CONNECTION_ERROR, CONNECTION_ERROR_BUSY) ||
        !choose_pull(guest, NULL)) {
        g_propagate_error(error, cause);
        return FALSE;
    }
    *warning = pull_warning(guest, cause->message);
    g_error_free(cause);
    return TRUE;
}

static gboolean connect_agent(GuestRecording *guest, GError **error)
{
    guest->agent = agent_new(guest->link, error);
    return guest->agent != NULL;
}

gboolean guest_recording_prepare(GuestRecording *guest,
                                 const char *recorder_path, char **warning,
                                 GError **error)
{
    GuestTracer tracer;

    /* Nothing is recorded yet that a fresh reading could disturb. */
    if (!guest_link_check_running(guest->link, error) ||
        !take_query(guest, OFFSET_FRESH, error)) {
        return FALSE;
    }
    if (guest_recording_is_asked_for(guest)) {
        return TRUE;
    }
    if (!connect_agent(guest, error)) {
        return FALSE;
    }
    if (recorder_path && (!guest_file_check_write(guest->agent, error) ||
                          !push_recorder(guest, recorder_path, error))) {
        return FALSE;
    }
    tracer = tracer_of(guest);
    return guest_trace_check(&tracer, error) && check_idle(guest, error) &&
           plug_channel(guest, warning, error);
}

gboolean guest_recording_query(GuestRecording *guest, OffsetFreshness freshness,
                               GError **error)
{
    if (!take_query(guest, freshness, error)) {
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

/* What a recorder doesn't hear, it isn't told: nothing depends on it. */
static void tell(GuestRecording *guest, TraceControlKind kind, const char *text)
{
    if (guest->control) {
        control_say(guest->control, kind, guest->request_id, 0, text);
    }
}

void guest_recording_hold(GuestRecording *guest, const char *marker)
{
    tell(guest, TRACE_CONTROL_HOLD, marker ? marker : "");
}

static void set_command(GuestRecording *guest, int64_t pid)
{
    guest->leavings.command_pid = pid;
    tell_guardian(guest);
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

    tell(guest, TRACE_CONTROL_WATCH, text);
}

void guest_recording_freeze(GuestRecording *guest, const char *why)
{
    if (!guest_recording_has_ended(guest)) {
        tell(guest, TRACE_CONTROL_STOP, why);
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
        tell(guest, TRACE_CONTROL_DONE, session);
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
        g_usleep(DRAIN_POLL_US);
    }
    return TRUE;
}

/* A start that failed late may have left a recorder behind. */
static gboolean has_left_recorder(GuestRecording *guest, const GError *cause)
{
    g_auto(GuestTraceStatus) status = {0};
    GuestTracer tracer = tracer_of(guest);

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
    GuestTracer tracer = tracer_of(guest);
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

static void take_event(GuestRecording *guest, const GuestEvent *event)
{
    g_autoptr(GError) error = NULL;

    switch (event->kind) {
    case GUEST_EVENT_STOP:
        guest->condition = GUEST_PAUSED;
        break;
    case GUEST_EVENT_RESUME:
        guest->condition = GUEST_RUNNING;
        guest->awake_us = g_get_monotonic_time();
        /* QEMU has looked at the vCPUs itself when they continued. */
        if (!guest_recording_query(guest, OFFSET_TRACKED, &error)) {
            guest_recording_fail(guest, g_strdup(error->message));
        }
        break;
    case GUEST_EVENT_RESET:
        guest->condition = GUEST_GONE;
        guest_recording_fail(
            guest, g_strdup_printf("guest '%s' was reset, which ended its "
                                   "recording",
                                   guest->name));
        break;
    case GUEST_EVENT_UNPLUG:
        guest->is_unplugged =
            guest->is_unplugged ||
            (guest->pull_fd < 0 && trace_port_is_gone(guest->link));
        break;
    case GUEST_EVENT_SHUTDOWN:
    case GUEST_EVENT_PANIC:
    default:
        guest->condition = GUEST_GONE;
        guest_recording_fail(
            guest,
            g_strdup_printf(
                "guest '%s' %s, which ended its recording", guest->name,
                event->kind == GUEST_EVENT_PANIC ? "crashed" : "shut down"));
    }
}

/*
 * Takes what has come; FALSE if that was nothing.  QEMU only tells the present
 * clock, so one that came and went before it could be asked for is lost.
 */
static gboolean take_events(GuestRecording *guest)
{
    GuestEvent event;
    unsigned n_events = 0, n_resumes = 0;

    while (guest_link_next_event(guest->link, &event)) {
        n_events++;
        n_resumes += event.kind == GUEST_EVENT_RESUME;
        if (guest->condition != GUEST_GONE) {
            take_event(guest, &event);
        }
    }
    if (n_resumes > 1) {
        g_ptr_array_add(
            guest->machine->notes,
            g_strdup_printf("The guest was stopped and continued %u times in a "
                            "moment, in between its clock is not known.",
                            n_resumes));
    }
    return n_events > 0;
}

/* QEMU sends no event of it that need not be asked for beforehand. */
static void look_for_migration(GuestRecording *guest)
{
    gint64 now_us = g_get_monotonic_time();
    g_autoptr(json_object) answer = NULL;
    const char *status;

    if (guest->condition != GUEST_PAUSED || now_us < guest->next_status_us) {
        return;
    }
    guest->next_status_us = now_us + STATUS_LOOK_US;
    answer = guest_link_qmp_execute(guest->link, "query-status", NULL,
                                    STATUS_TIMEOUT_MS, NULL);
    status =
        answer ? json_read_string(answer, "status", MAX_STATUS_NAME) : NULL;
    if (status && g_str_equal(status, "postmigrate")) {
        guest->condition = GUEST_GONE;
        guest_recording_fail(
            guest, g_strdup_printf("guest '%s' was migrated to another QEMU, "
                                   "which ended its recording here",
                                   guest->name));
    }
}

gboolean guest_recording_follow(GuestRecording *guest)
{
    g_autoptr(GError) error = NULL;
    gboolean is_open;

    /* Asking for the clock may have brought more events with it. */
    do {
        is_open = guest_link_pump(guest->link, &error);
        look_for_migration(guest);
    } while (take_events(guest) && is_open);
    if (!is_open) {
        guest->condition = GUEST_NO_QEMU;
        guest_recording_fail(
            guest, g_strdup_printf(guest->address->domain
                                       ? "the recording of guest '%s' was cut "
                                         "short: %s"
                                       : "QEMU of guest '%s' has ended, and "
                                         "with it the recording (%s)",
                                   guest->name, error->message));
    }
    return guest->failure == NULL;
}

/*
 * A recorder that lives says something about every second, unless it can't
 * any more.
 */
static gboolean is_silent(const GuestRecording *guest)
{
    gint64 awake_us = g_get_monotonic_time() - guest->awake_us;
    gint64 limit_us = guest->is_unplugged
                          ? UNPLUGGED_QUIET_US
                          : (gint64)guest->limits->idle_s * G_USEC_PER_SEC;

    return guest->is_started && guest->condition == GUEST_RUNNING &&
           MIN(receiver_quiet_us(guest->receiver), awake_us) > limit_us;
}

static char *silence_failure(const GuestRecording *guest)
{
    return guest->is_unplugged
               ? g_strdup_printf(
                     "the trace channel of guest '%s' was "
                     "unplugged (QEMU has no port " GUEST_LINK_TRACE_PORT
                     " any more)",
                     guest->name)
               : g_strdup_printf("nothing comes any more from the recorder in "
                                 "guest '%s' (port " GUEST_LINK_TRACE_PORT
                                 "): it was killed, or the guest hangs",
                                 guest->name);
}

char *guest_recording_receiver_failure(const GuestRecording *guest)
{
    if (!guest->receiver) {
        return NULL;
    }
    switch (receiver_state(guest->receiver)) {
    case RECEIVER_LIMIT:
        return g_strdup_printf("the stream of guest '%s' reached its limit "
                               "(--max-size)",
                               guest->name);
    case RECEIVER_FULL:
        return g_strdup_printf("the stream of guest '%s' was cut off, so that "
                               "the disk stays as free as it is to "
                               "(--limit keep-free)",
                               guest->name);
    case RECEIVER_FAILED:
        return g_strdup_printf("the stream of guest '%s' cannot be stored: %s",
                               guest->name,
                               g_strerror(receiver_errno(guest->receiver)));
    case RECEIVER_CLOSED:
        return g_strdup_printf("the trace channel of guest '%s' was closed by "
                               "QEMU",
                               guest->name);
    case RECEIVER_RECEIVING:
        return is_silent(guest) ? silence_failure(guest) : NULL;
    case RECEIVER_ENDED:
    default:
        return NULL;
    }
}

void guest_recording_limit_pull(GuestRecording *guest)
{
    gint64 now_us = g_get_monotonic_time();
    g_auto(GuestTraceStatus) status = {0};
    GuestTracer tracer = tracer_of(guest);

    if (guest->pull_fd < 0 || guest->condition != GUEST_RUNNING ||
        now_us < guest->next_pull_look_us) {
        return;
    }
    guest->next_pull_look_us = now_us + PULL_LOOK_US;
    if (guest_trace_status(&tracer, &status, NULL) &&
        status.bytes_sent > guest->max_pull_bytes) {
        guest_recording_fail(
            guest, g_strdup_printf("the stream of guest '%s' reached its limit "
                                   "(--max-size)",
                                   guest->name));
    }
}

static void fail_stop(GuestRecording *guest, const char *why)
{
    guest->is_unstopped = TRUE;
    guest_recording_fail(
        guest, g_strdup_printf("the recorder in guest '%s' did not stop as it "
                               "should: %s",
                               guest->name, why));
}

/*
 * A recorder that asked for its recording needs only to be told; its stream
 * tells the rest.
 */
static void stop_asked_for(GuestRecording *guest)
{
    gint64 end_us = stop_end_us(guest);

    tell(guest, TRACE_CONTROL_STOP, "the host has ended it");
    while (receiver_state(guest->receiver) == RECEIVER_RECEIVING) {
        if (g_get_monotonic_time() > end_us ||
            receiver_quiet_us(guest->receiver) > ASKED_QUIET_US) {
            fail_stop(guest, "nothing more comes from it");
            return;
        }
        g_usleep(DRAIN_POLL_US);
    }
}

/* Asks until the guest has sent everything, or has failed to. */
static void wait_finished(GuestRecording *guest, GuestTraceStatus *status)
{
    gint64 end_us = stop_end_us(guest);
    GuestTracer tracer = tracer_of(guest);
    g_autoptr(GError) error = NULL;

    while (status->state == GUEST_TRACE_STOPPING ||
           status->state == GUEST_TRACE_RECORDING) {
        if (g_get_monotonic_time() > end_us) {
            fail_stop(guest, "it is still sending");
            return;
        }
        g_usleep(STOP_POLL_US);
        guest_trace_status_clear(status);
        if (!guest_trace_status(&tracer, status, &error)) {
            fail_stop(guest, error->message);
            return;
        }
    }
    if (status->state == GUEST_TRACE_FAILED) {
        guest_recording_fail(
            guest, g_strdup_printf("the recorder in guest '%s' failed: %s",
                                   guest->name,
                                   status->failure ? status->failure
                                                   : "it does not say why"));
    }
    guest->bytes_sent = status->bytes_sent;
}

/*
 * An agent that is restarted has forgotten what it was asked, perhaps after it
 * was done.  To ask again does no harm.
 */
static gboolean stop_recorder(GuestRecording *guest, GuestTraceStatus *status,
                              GError **error)
{
    GuestTracer tracer = tracer_of(guest);
    GError *cause = NULL;

    for (int n = 1; !guest_trace_stop(&tracer, STOP_TIMEOUT_S, status, &cause);
         n++) {
        if (n == STOP_ASKS ||
            !g_error_matches(cause, CONNECTION_ERROR,
                             CONNECTION_ERROR_TIMEOUT) ||
            !guest_recording_follow(guest) ||
            guest->condition != GUEST_RUNNING) {
            g_propagate_error(error, cause);
            return FALSE;
        }
        g_clear_error(&cause);
    }
    return TRUE;
}

void guest_recording_stop(GuestRecording *guest)
{
    g_auto(GuestTraceStatus) status = {0};
    g_autoptr(GError) error = NULL;

    if (!guest->is_started) {
        return;
    }
    guest->is_started = FALSE;
    switch (guest->condition) {
    case GUEST_RUNNING:
        if (guest_recording_is_asked_for(guest)) {
            stop_asked_for(guest);
        } else if (stop_recorder(guest, &status, &error)) {
            wait_finished(guest, &status);
        } else {
            /* If QEMU is going, its monitor tells so in a moment. */
            g_usleep(DYING_US);
            guest_recording_follow(guest);
            fail_stop(guest, error->message);
        }
        break;
    case GUEST_PAUSED:
        fail_stop(guest, "the guest is paused; its recorder ends by itself "
                         "when the guest continues");
        break;
    case GUEST_GONE:
    case GUEST_NO_QEMU:
    default:
        break;
    }
}

static void pull(GuestRecording *guest)
{
    g_autoptr(GError) error = NULL;
    uint64_t max_bytes = guest->max_pull_bytes;
    uint64_t bytes = 0;

    if (guest->limits->keep_free_bytes > 0) {
        max_bytes =
            MIN(max_bytes, disk_reserve_room(guest->pull_fd, guest->limits));
    }
    if (guest->condition == GUEST_RUNNING &&
        !guest_file_read(guest->agent, guest->leavings.stream_file,
                         guest->pull_fd, max_bytes, &bytes, &error)) {
        guest_recording_fail(guest,
                             g_strdup_printf("the recording of guest "
                                             "'%s' could not be copied "
                                             "from it: %s",
                                             guest->name, error->message));
    }
    fsync(guest->pull_fd);
    close(guest->pull_fd);
    guest->pull_fd = -1;
}

/* A second thing that went wrong is told where there is room for it. */
static void tell_left(GuestRecording *guest, const char *why)
{
    char *sentence = g_strdup_printf("not all that was put into guest '%s' "
                                     "could be taken out again: %s",
                                     guest->name, why);

    if (guest->failure && guest->machine) {
        g_ptr_array_add(guest->machine->notes, g_strdup(sentence));
    }
    guest_recording_fail(guest, sentence);
}

/* What a guest that was reset, or is no more, has not kept. */
static void forget_lost(GuestLeavings *leavings)
{
    leavings->command_pid = 0;
    if (leavings->program_file &&
        (g_str_has_prefix(leavings->program_file, "/dev/shm/") ||
         g_str_has_prefix(leavings->program_file, "/run/"))) {
        g_clear_pointer(&leavings->program_file, g_free);
    }
}

/*
 * A guest that was reset may be on its way up again, and so may its agent and
 * libvirt: that is worth more than one try.
 */
static gboolean needs_new_link(const GuestRecording *guest)
{
    const GuestLeavings *leavings = &guest->leavings;

    return guest->condition == GUEST_NO_QEMU ||
           ((guest->condition == GUEST_GONE || guest->is_unstopped) &&
            (leavings->program_file || leavings->stream_file));
}

void guest_recording_leave(GuestRecording *guest)
{
    g_autoptr(GError) error = NULL;
    gboolean ok;

    if (guest->condition == GUEST_GONE) {
        forget_lost(&guest->leavings);
    }
    if (!guest_leavings_exist(&guest->leavings)) {
        return;
    }
    if (needs_new_link(guest)) {
        /* It would keep the domain locked against the link that is to come. */
        g_clear_pointer(&guest->agent, agent_free);
        g_clear_pointer(&guest->link, guest_link_free);
        ok = guest_leavings_remove_anew(&guest->leavings, guest->address,
                                        &error);
    } else {
        ok = guest_leavings_remove(&guest->leavings, guest->link, guest->agent,
                                   &error);
    }
    if (ok) {
        guest_leavings_clear(&guest->leavings);
    } else {
        tell_left(guest, error->message);
    }
    tell_guardian(guest);
}

/* It was of the guest's own making, but who reads the losses should know. */
static void note_held(const GuestRecording *guest)
{
    uint64_t held_us = receiver_held_us(guest->receiver);

    if (held_us > 0 && guest->machine) {
        g_ptr_array_add(
            guest->machine->notes,
            g_strdup_printf("The guest sent more than %" PRIu64
                            " frames in a second (--limit frame-rate) and was "
                            "held up for %" PRIu64 " ms in all.",
                            guest->limits->frames_per_s, held_us / 1000));
    }
}

void guest_recording_drain(GuestRecording *guest)
{
    gint64 end_us = g_get_monotonic_time() +
                    (guest->bytes_sent ? DRAIN_MAX_US : DRAIN_BLIND_US);

    if (guest->pull_fd >= 0) {
        pull(guest);
    }
    while (guest->receiver && g_get_monotonic_time() < end_us &&
           receiver_state(guest->receiver) != RECEIVER_CLOSED &&
           receiver_state(guest->receiver) != RECEIVER_ENDED &&
           receiver_quiet_us(guest->receiver) < DRAIN_QUIET_US &&
           (guest->bytes_sent == 0 ||
            receiver_came_bytes(guest->receiver) < guest->bytes_sent)) {
        g_usleep(DRAIN_POLL_US);
    }
    if (guest->receiver) {
        receiver_stop(guest->receiver);
        note_held(guest);
    }
}
