/*
 * Start, run and stop of all machines of a recording.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "connection/host-ticks.h"
#include "connection/offset-query.h"
#include "session/disk-watch.h"
#include "session/guest-clock.h"
#include "session/guest-command.h"
#include "session/host-choice.h"
#include "session/host-recorder.h"
#include "session/host-sleep.h"
#include "session/session-dats.h"
#include "session/session-dir.h"
#include "session/session-error.h"
#include "session/stop-signals.h"
#include "session/tsc-frequency.h"

#define DYING_US         (3 * G_USEC_PER_SEC)
#define DYING_POLL_US    (50 * 1000)
#define PROGRESS_US      (500 * 1000)
#define WALL_CLOCK_READS 10
#define NS_PER_SECOND    UINT64_C(1000000000)
/* To notice a recorder that says nothing any more. */
#define LOOK_US G_USEC_PER_SEC
/* A command whose end froze the guests is gone in a moment. */
#define COMMAND_END_US  (3 * G_USEC_PER_SEC)
#define COMMAND_POLL_US (100 * 1000)
/* No machine goes to sleep and wakes up again within less. */
#define MIN_SLEEP_NS UINT64_C(1000000)

typedef struct Recording {
    const RecordingOptions *options;
    GPtrArray *guests; /* of GuestRecording */
    RecordingResult *result;
    HostRecorder *host;
    Guardian *guardian;
    StopSignals signals;
    HostSleep awake; /* when this machine was known to be */
    gint64 begin_us;
    gint64 end_us; /* by --duration; G_MAXINT64 without */
    gint64 next_progress_us;
    DiskWatch disk;
    GuestCommand command;
} Recording;

static GuestRecording *guest_at(const Recording *self, guint i)
{
    return self->guests->pdata[i];
}

static void say(const Recording *self, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

static void say(const Recording *self, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    if (self->options->say) {
        self->options->say(text, self->options->watcher);
    }
}

/* --- signals --- */

static gboolean take_signal(Recording *self)
{
    if (!stop_signals_take(&self->signals)) {
        return FALSE;
    }
    self->result->was_signalled = TRUE;
    return TRUE;
}

static gboolean throw_interrupted(GError **error)
{
    g_set_error(error, SESSION_ERROR, SESSION_ERROR_FAILED,
                "interrupted before the recording began");
    return FALSE;
}

/* --- start --- */

static gboolean check_host(GError **error)
{
    if (geteuid() != 0) {
        g_set_error(error, SESSION_ERROR, SESSION_ERROR_REFUSED,
                    "recording the host needs root; run this with sudo");
        return FALSE;
    }
    return TRUE;
}

static const OffsetQuery *first_query(const GuestRecording *guest)
{
    return guest->queries->pdata[0];
}

static uint64_t buffer_bytes(uint64_t n_cpus, uint64_t buffer_kib)
{
    return n_cpus * (buffer_kib ? buffer_kib : RECORDER_DEFAULT_BUFFER_KIB) *
           1024;
}

/* What the machines may still send when the recording ends. */
static uint64_t last_bytes(const Recording *self)
{
    const RecordingOptions *options = self->options;
    uint64_t bytes =
        buffer_bytes(g_get_num_processors(), options->host.buffer_kib);

    for (guint i = 0; i < self->guests->len; i++) {
        bytes += buffer_bytes(first_query(guest_at(self, i))->readings->len,
                              options->guest.buffer_kib);
    }
    return bytes;
}

static gboolean is_kvm(const GuestRecording *guest)
{
    return !offset_source_is_tcg(
        g_array_index(first_query(guest)->readings, OffsetReading, 0).source);
}

/* The pair that was read within the shortest time of some. */
static void read_wall_clock(Session *session)
{
    uint64_t shortest = UINT64_MAX;

    for (int i = 0; i < WALL_CLOCK_READS; i++) {
        uint64_t before = host_ticks_now(), after;
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        after = host_ticks_now();
        if (after - before < shortest) {
            shortest = after - before;
            session->wall_ticks = before + shortest / 2;
            session->wall_ns =
                (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
        }
    }
}

static void describe_clock(Recording *self, Session *session)
{
    TscFrequency frequency =
        tsc_frequency_find(first_query(guest_at(self, 0))->host_khz);

    session->tsc_mult = frequency.mult;
    session->tsc_shift = frequency.shift;
    session->host_tsc_khz = frequency.khz;
    session->tsc_source = g_strdup(frequency.source);
    read_wall_clock(session);
}

static gboolean begin_session(Recording *self, GError **error)
{
    Session *session;

    self->disk.last_bytes = last_bytes(self);
    if (!disk_watch_check(&self->disk, error)) {
        return FALSE;
    }
    self->result->dir =
        session_dir_make(self->options->name, self->options->output_dir, error);
    if (!self->result->dir) {
        return FALSE;
    }
    self->disk.dir = self->result->dir;
    session = session_new(self->options->name);
    self->result->session = session;
    session_add_machine(session, SESSION_HOST, "host");
    for (guint i = 0; i < self->guests->len; i++) {
        GuestRecording *guest = guest_at(self, i);

        guest->machine =
            session_add_machine(session, SESSION_GUEST, guest->name);
        guest_clock_set(guest->machine, guest->queries, NULL);
    }
    describe_clock(self, session);
    return session_save(session, self->result->dir, error);
}

static HostChoice *choose_host(Recording *self, GError **error)
{
    g_autoptr(GArray) threads = g_array_new(FALSE, FALSE, sizeof(int32_t));
    HostChoiceInput input = {
        .events = (const char *const *)self->options->host.events,
        .filters = (const char *const *)self->options->host.filters,
        .host_cpus = self->options->host_cpus,
        .all_cpus = self->options->all_cpus,
    };

    for (guint i = 0; i < self->guests->len; i++) {
        const OffsetQuery *query = first_query(guest_at(self, i));

        input.needs_kvm |= is_kvm(guest_at(self, i));
        for (guint v = 0; v < query->readings->len; v++) {
            int32_t thread =
                g_array_index(query->readings, OffsetReading, v).thread_id;

            g_array_append_val(threads, thread);
        }
    }
    input.vcpu_threads = (const int32_t *)threads->data;
    input.n_vcpu_threads = threads->len;
    return host_choice_new(&input, error);
}

static gboolean start_host(Recording *self, GError **error)
{
    const SessionMachine *host = self->result->session->machines->pdata[0];
    g_autofree char *path =
        g_build_filename(self->result->dir, host->stream_file, NULL);
    g_autoptr(HostChoice) choice = choose_host(self, error);
    RecorderOptions options = self->options->host;
    int fd;

    if (!choice) {
        return FALSE;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "cannot create '%s': %s", path, g_strerror(errno));
        return FALSE;
    }
    options.is_held = self->options->is_snapshot;
    options.events = choice->events;
    options.filters = choice->filters;
    options.cpumask = choice->cpumask;
    self->awake = host_sleep_read();
    say(self, "%s", choice->why);
    self->host =
        host_recorder_start(&options, fd, path, self->options->max_bytes,
                            self->options->limits, error);
    close(fd);
    return self->host != NULL;
}

/*
 * The query that checked whether QEMU knows the command was made while the
 * host did not record yet, so it is no witness.
 */
static gboolean query_anew(GuestRecording *guest, GError **error)
{
    g_ptr_array_set_size(guest->queries, 0);
    return guest_recording_query(guest, OFFSET_FRESH, error);
}

/* Of several guests, it must be clear which one a sentence is about. */
static gboolean name_guest(const Recording *self, const GuestRecording *guest,
                           GError **error)
{
    g_autofree char *quoted = g_strdup_printf("'%s'", guest->name);

    if (self->guests->len > 1 && error && !strstr((*error)->message, quoted)) {
        g_prefix_error(error, "guest %s: ", quoted);
    }
    return FALSE;
}

static gboolean start_guests(Recording *self, GError **error)
{
    for (guint i = 0; i < self->guests->len; i++) {
        GuestRecording *guest = guest_at(self, i);

        if (!guest_recording_receive(guest, self->result->dir,
                                     self->options->max_bytes, error) ||
            !query_anew(guest, error)) {
            return name_guest(self, guest, error);
        }
    }
    if (!session_save(self->result->session, self->result->dir, error)) {
        return FALSE;
    }
    for (guint i = 0; i < self->guests->len; i++) {
        GuestRecording *guest = guest_at(self, i);

        if (take_signal(self)) {
            return throw_interrupted(error);
        }
        if (self->options->is_snapshot) {
            guest_recording_hold(guest, self->options->stop_marker);
        }
        if (!guest_recording_start(guest, &self->options->guest, error)) {
            return name_guest(self, guest, error);
        }
    }
    return TRUE;
}

static gboolean start_command(Recording *self, GError **error)
{
    GuestRecording *guest = guest_at(self, 0);

    if (!self->options->command) {
        return TRUE;
    }
    if (!guest_command_start(&self->command, guest,
                             (const char *const *)self->options->command,
                             error)) {
        return FALSE;
    }
    if (self->options->is_snapshot) {
        guest_recording_watch(guest);
    }
    return TRUE;
}

/* Before anything is connected, so that the guardian has none of it. */
static gboolean start_guardian(Recording *self, GError **error)
{
    g_autoptr(GPtrArray) addresses = g_ptr_array_new();

    for (guint i = 0; i < self->guests->len; i++) {
        /* One that asked is connected, and has all that it needs. */
        if (guest_recording_is_asked_for(guest_at(self, i))) {
            return TRUE;
        }
        g_ptr_array_add(addresses, guest_at(self, i)->address);
    }
    self->guardian = guardian_start(addresses, error);
    return self->guardian != NULL;
}

static gboolean check(Recording *self, GError **error)
{
    if (!check_host(error) || !start_guardian(self, error)) {
        return FALSE;
    }
    for (guint i = 0; i < self->guests->len; i++) {
        GuestRecording *guest = guest_at(self, i);
        g_autofree char *warning = NULL;

        guest->guardian = self->guardian;
        guest->index = i;
        guest->limits = self->options->limits;
        guest->offset_choice = self->options->offset_choice;
        guest->is_pulled_only = self->options->pulls_only;
        if (take_signal(self)) {
            return throw_interrupted(error);
        }
        if (!guest_recording_open(guest, error) ||
            !guest_recording_prepare(guest, self->options->recorder_path,
                                     &warning, error) ||
            (i == 0 && self->options->command &&
             !guest_command_check(guest, error))) {
            return name_guest(self, guest, error);
        }
        if (warning && self->options->is_snapshot) {
            g_set_error(error, SESSION_ERROR, SESSION_ERROR_REFUSED,
                        "a flight recording needs a trace channel: %s",
                        warning);
            return FALSE;
        }
        if (warning) {
            say(self, "warning: %s", warning);
        }
    }
    return !take_signal(self) || throw_interrupted(error);
}

/* By the files: what the host's recorder tells of itself is a second old. */
static uint64_t stored_bytes(const Recording *self)
{
    const GPtrArray *machines = self->result->session->machines;
    uint64_t bytes = 0;

    for (guint i = 0; i < machines->len; i++) {
        const SessionMachine *machine = machines->pdata[i];
        g_autofree char *path =
            g_build_filename(self->result->dir, machine->stream_file, NULL);
        struct stat info;

        if (stat(path, &info) == 0) {
            bytes += (uint64_t)info.st_size;
        }
    }
    return bytes;
}

static gboolean start(Recording *self, GError **error)
{
    if (!check(self, error) || !begin_session(self, error) ||
        !start_host(self, error) || !start_guests(self, error)) {
        return FALSE;
    }
    say(self, "Recording to %s/%s", self->result->dir,
        self->options->duration_us == 0 && !self->options->command
            ? "; press Ctrl-C to stop"
            : "");
    self->begin_us = g_get_monotonic_time();
    /* What came before that were texts. */
    disk_watch_begin(&self->disk, stored_bytes(self));
    if (self->options->duration_us > 0) {
        self->end_us = self->begin_us + self->options->duration_us;
    }
    return start_command(self, error);
}

/* --- run: the functions return FALSE when it is time to stop --- */

/* A trace channel that QEMU closes is the first sign of its end. */
static void follow_to_end(GuestRecording *guest)
{
    gint64 end_us = g_get_monotonic_time() + DYING_US;

    while (guest_recording_follow(guest) && g_get_monotonic_time() < end_us &&
           receiver_state(guest->receiver) == RECEIVER_CLOSED) {
        g_usleep(DYING_POLL_US);
    }
}

static void look_at_guest(GuestRecording *guest)
{
    char *failure;

    if (!guest_recording_follow(guest)) {
        return;
    }
    guest_recording_limit_pull(guest);
    failure = guest_recording_receiver_failure(guest);
    if (failure) {
        follow_to_end(guest);
        guest_recording_fail(guest, failure);
    }
}

/* In a flight recording, what one machine sees is of interest on all. */
static gboolean is_any_frozen(const Recording *self)
{
    for (guint i = 0; self->options->is_snapshot && i < self->guests->len;
         i++) {
        if (guest_recording_has_ended(guest_at(self, i))) {
            return TRUE;
        }
    }
    return FALSE;
}

/* As long as one guest is left, and the one that runs the command. */
static gboolean look_at_guests(Recording *self)
{
    guint n_left = 0;

    if (is_any_frozen(self)) {
        return FALSE;
    }
    for (guint i = 0; i < self->guests->len; i++) {
        GuestRecording *guest = guest_at(self, i);

        if (guest->failure) {
            continue;
        }
        look_at_guest(guest);
        if (!guest->failure) {
            n_left += !guest_recording_has_ended(guest);
        } else if (guest == self->command.guest) {
            return FALSE;
        } else if (self->guests->len > 1) {
            say(self, "%s; the others go on", guest->failure);
        }
    }
    return n_left > 0;
}

/* Its clocks may be others since it woke up again. */
static gboolean check_awake(Recording *self, GError **error)
{
    SessionMachine *host = self->result->session->machines->pdata[0];
    HostSleep now = host_sleep_read();
    uint64_t ns = host_sleep_between_ns(&self->awake, &now);

    if (ns < MIN_SLEEP_NS) {
        return TRUE;
    }
    self->awake = now;
    g_ptr_array_add(host->notes,
                    g_strdup_printf("This machine was suspended for %.1f s; "
                                    "events after that may not be on the "
                                    "clock of those before it.",
                                    (double)ns / (double)NS_PER_SECOND));
    g_set_error(error, SESSION_ERROR, SESSION_ERROR_FAILED,
                "this machine was suspended for %.1f s, which ended the "
                "recording: what was recorded before that can be read",
                (double)ns / (double)NS_PER_SECOND);
    return FALSE;
}

static int timeout_ms(const Recording *self)
{
    gint64 next_us = self->end_us;
    gint64 left_us;

    if (self->command.guest) {
        next_us = MIN(next_us, self->command.next_look_us);
    }
    next_us = MIN(next_us, g_get_monotonic_time() + LOOK_US);
    next_us = MIN(next_us, self->disk.next_us);
    if (self->options->progress) {
        next_us = MIN(next_us, self->next_progress_us);
    }
    left_us = MAX(next_us - g_get_monotonic_time(), 0);
    /* A paused guest's command is not looked at: don't spin meanwhile. */
    return (int)CLAMP(left_us / 1000 + 1, 10, G_MAXINT);
}

static gboolean wait_for_any(Recording *self, struct pollfd *fds)
{
    guint n = 0;

    fds[n++] = (struct pollfd){.fd = self->signals.fd, .events = POLLIN};
    fds[n++] = (struct pollfd){.fd = host_recorder_event_fd(self->host),
                               .events = POLLIN};
    for (guint i = 0; i < self->guests->len; i++) {
        GuestRecording *guest = guest_at(self, i);

        if (!guest->failure && !guest_recording_has_ended(guest)) {
            fds[n++] = (struct pollfd){.fd = guest_link_event_fd(guest->link),
                                       .events = POLLIN};
            fds[n++] = (struct pollfd){
                .fd = guest->receiver ? receiver_event_fd(guest->receiver) : -1,
                .events = POLLIN};
        }
    }
    poll(fds, n, timeout_ms(self));
    return !take_signal(self) && fds[1].revents == 0;
}

static void show_progress(Recording *self, gboolean is_ending)
{
    g_autoptr(GArray) machines = NULL;
    gint64 now_us = g_get_monotonic_time();
    RecordingProgress progress = {
        .elapsed_us = now_us - self->begin_us,
        .left_us =
            self->end_us == G_MAXINT64 ? -1 : MAX(self->end_us - now_us, 0),
        .is_ending = is_ending,
    };

    self->next_progress_us = now_us + PROGRESS_US;
    if (!self->options->progress) {
        return;
    }
    machines = machines_progress(self->host, self->guests);
    progress.machines = (const MachineProgress *)machines->data;
    progress.n_machines = machines->len;
    self->options->progress(&progress, self->options->watcher);
}

static gboolean look_at_disk(Recording *self, GError **error)
{
    const SessionMachine *host = self->result->session->machines->pdata[0];
    g_autofree char *why = disk_watch_look(&self->disk, stored_bytes(self));

    if (!why) {
        return TRUE;
    }
    g_set_error(error, SESSION_ERROR, SESSION_ERROR_FAILED,
                "the recording ended early, while there is room for its "
                "files: %s",
                why);
    g_ptr_array_add(host->notes,
                    g_strdup_printf("The recording ended early: %s.", why));
    return FALSE;
}

static void run(Recording *self, GError **error)
{
    g_autofree struct pollfd *fds =
        g_new0(struct pollfd, 2 + 2 * self->guests->len);

    /* What came while the guests were started waits already. */
    while (g_get_monotonic_time() < self->end_us && check_awake(self, error) &&
           look_at_guests(self) && guest_command_look(&self->command, error) &&
           look_at_disk(self, error) && wait_for_any(self, fds)) {
        if (g_get_monotonic_time() >= self->next_progress_us) {
            show_progress(self, FALSE);
        }
    }
}

/* --- stop --- */

/* Where it is the first error, it becomes the recording's. */
static void keep_error(GError **first, GError *error)
{
    if (!error) {
        return;
    }
    if (*first) {
        g_error_free(error);
    } else {
        *first = error;
    }
}

static void tell_stored(const Recording *self, GuestRecording *guest)
{
    g_autofree char *name =
        self->result->dir ? g_path_get_basename(self->result->dir) : NULL;

    if (name && !guest->failure) {
        guest_recording_tell_stored(guest, name);
    }
}

static void keep_failure(const GuestRecording *guest, GError **first)
{
    if (guest->failure && !*first) {
        g_set_error_literal(first, SESSION_ERROR, SESSION_ERROR_FAILED,
                            guest->failure);
    }
}

static void stop_guest(GuestRecording *guest, GError **first)
{
    g_autoptr(GError) error = NULL;

    /* To know whether it still makes sense to ask it anything. */
    if (guest->machine) {
        guest_recording_follow(guest);
    }
    guest_recording_stop(guest);
    if (guest->is_received && guest->condition != GUEST_NO_QEMU &&
        !guest_recording_query(guest, OFFSET_FRESH, &error)) {
        guest_recording_fail(guest, g_strdup(error->message));
    }
    keep_failure(guest, first);
}

/*
 * All at once, so that the same moments are on all machines' timelines.  Each
 * notes when it was, see TRACE_META_FREEZE.
 */
static void freeze(Recording *self)
{
    if (!self->options->is_snapshot || !self->host) {
        return;
    }
    for (guint i = 0; i < self->guests->len; i++) {
        guest_recording_freeze(guest_at(self, i), "the host has frozen it");
    }
    host_recorder_freeze(self->host);
}

/* What ended the command has frozen the guest before we were told. */
static void wait_for_command(Recording *self)
{
    gint64 end_us = g_get_monotonic_time() + COMMAND_END_US;

    while (guest_command_runs(&self->command) && is_any_frozen(self) &&
           g_get_monotonic_time() < end_us &&
           guest_command_look(&self->command, NULL)) {
        g_usleep(COMMAND_POLL_US);
    }
}

static void stop(Recording *self, GError **first)
{
    GError *error = NULL;

    for (guint i = 0; i < self->guests->len; i++) {
        stop_guest(guest_at(self, i), first);
    }
    guest_command_end(&self->command, &error);
    keep_error(first, error);
    self->result->has_process = self->command.has_ended;
    self->result->process = self->command.process;
    error = NULL;
    if (self->host) {
        host_recorder_stop(self->host, &error);
        keep_error(first, error);
    }
    for (guint i = 0; i < self->guests->len; i++) {
        GuestRecording *guest = guest_at(self, i);

        guest_recording_drain(guest);
        guest_recording_leave(guest);
        keep_failure(guest, first);
        tell_stored(self, guest);
    }
}

/* A recording that never began leaves nothing behind. */
static void remove_session(Recording *self)
{
    RecordingResult *result = self->result;

    session_dir_remove(result->dir, result->session);
    g_clear_pointer(&result->dir, g_free);
    g_clear_pointer(&result->session, session_free);
}

static void save(Recording *self, SessionState state, GError **first)
{
    GError *error = NULL;

    self->result->session->state = state;
    session_save(self->result->session, self->result->dir, &error);
    keep_error(first, error);
}

/* A stream without its end is a failure, whoever is to blame for it. */
static void check_ended(const Recording *self, GError **first)
{
    const GPtrArray *machines = self->result->session->machines;

    for (guint i = 0; !*first && i < machines->len; i++) {
        const SessionMachine *machine = machines->pdata[i];

        if (!machine->ended) {
            g_set_error(first, SESSION_ERROR, SESSION_ERROR_FAILED,
                        "the recording of '%s' was cut short: %s",
                        machine->name,
                        machine->notes->len ? (char *)machine->notes->pdata[0]
                                            : "its stream has no end");
        }
    }
}

/* Bytes that were recorded must not be lost for an error elsewhere. */
static void make_files(Recording *self, GError **first)
{
    g_autofree GPtrArray **queries = g_new0(GPtrArray *, self->guests->len + 1);
    GError *error = NULL;

    for (guint i = 0; i < self->guests->len; i++) {
        queries[i + 1] = guest_at(self, i)->queries;
    }
    save(self, SESSION_RECORDED, first);
    say(self, "Writing the trace files");
    session_dats_make(self->result->session, self->result->dir, queries,
                      self->options->limits, &error);
    keep_error(first, error);
    check_ended(self, first);
}

gboolean recording_run(const RecordingOptions *options, GPtrArray *guests,
                       RecordingResult *result, GError **error)
{
    Recording self = {
        .options = options,
        .guests = guests,
        .result = result,
        .disk = {.dir = options->output_dir ? options->output_dir : ".",
                 .limits = options->limits},
        .signals = {.fd = -1},
        .end_us = G_MAXINT64,
    };
    GError *first = NULL;
    gboolean is_started;

    *result = (RecordingResult){0};
    is_started =
        stop_signals_block(&self.signals, &first) && start(&self, &first);
    if (is_started) {
        run(&self, &first);
        freeze(&self);
        show_progress(&self, TRUE);
        wait_for_command(&self);
    }
    stop(&self, &first);
    if (is_started) {
        check_awake(&self, first ? NULL : &first);
        make_files(&self, &first);
    } else if (result->dir) {
        remove_session(&self);
    }
    host_recorder_free(self.host);
    guardian_free(self.guardian);
    for (guint i = 0; i < guests->len; i++) {
        guest_at(&self, i)->guardian = NULL;
    }
    /* One that came while all ended is told, too. */
    take_signal(&self);
    stop_signals_unblock(&self.signals);
    if (first) {
        g_propagate_error(error, first);
        return FALSE;
    }
    return TRUE;
}

void recording_result_clear(RecordingResult *result)
{
    g_clear_pointer(&result->dir, g_free);
    g_clear_pointer(&result->session, session_free);
    agent_process_clear(&result->process);
}
