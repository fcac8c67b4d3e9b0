/*
 * Recording: the one recording that this machine's qga-trace may make.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "recording.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "buffer-stats.h"
#include "control.h"
#include "guard.h"
#include "port.h"
#include "recorder.h"
#include "stop-sources.h"
#include "trace-error.h"
#include "trace-instance.h"
#include "trigger.h"

/* How often stop looks whether the recorder has released the lock. */
#define STOP_POLL_US 20000
/* How long the guard of a killed recorder may take to restore tracefs. */
#define GUARD_US (3 * G_USEC_PER_SEC)

struct Recording {
    const Options *options;
    int lock_fd;
    int out_fd;
    int signal_fd;
    Guard *guard;
    Recorder *recorder;
    Control *control; /* NULL: the output is a file */
    Trigger *trigger;
    StopSources *sources;
    TraceFreezeCause cause;
    bool has_asked;
    bool is_ready;  /* tracing is on */
    bool must_hold; /* by the host's word, before it was */
    State *state;
    RecordingReady ready;
    gpointer ready_data;
};

static void save_state(const Recording *recording)
{
    g_autoptr(GError) error = NULL;

    /* A recording is worth more than the knowledge of it. */
    if (!state_save(recording->state, recording->options->state_dir, &error)) {
        g_warning("%s", error->message);
    }
}

static void update_state(Recording *recording, StateKind kind)
{
    State *state = recording->state;
    guint cpu_count;
    const TraceCpuStats *cpus =
        recorder_cpu_stats(recording->recorder, &cpu_count);

    state->kind = kind;
    state->bytes_sent = recorder_sent_bytes(recording->recorder);
    g_array_set_size(state->cpus, 0);
    g_array_append_vals(state->cpus, cpus, cpu_count);
}

static bool throw_taken(const Options *options, GError **error)
{
    g_autoptr(State) state = state_load(options->state_dir, NULL);

    return trace_throw(error,
                       "a recording runs already (pid %d): end it with "
                       "qga-trace stop",
                       state ? (int)state->pid : 0);
}

/*
 * The lock; a killed recorder's guard is waited for, as it holds the lock until
 * it has restored tracefs.
 */
static int lock_or_wait(const Options *options, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + GUARD_US;

    for (;;) {
        g_autoptr(GError) failure = NULL;
        g_autoptr(State) state = NULL;
        int fd = state_lock(options->state_dir, &failure);

        if (fd >= 0) {
            return fd;
        }
        state = state_load(options->state_dir, NULL);
        if (!g_error_matches(failure, TRACE_ERROR, TRACE_ERROR_BUSY) ||
            !state || state->pid == 0 || kill(state->pid, 0) == 0 ||
            errno != ESRCH || g_get_monotonic_time() > end_us) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return -1;
        }
        g_usleep(STOP_POLL_US);
    }
}

static bool take_lock(Recording *recording, GError **error)
{
    g_autoptr(GError) failure = NULL;

    recording->lock_fd = lock_or_wait(recording->options, &failure);
    if (recording->lock_fd >= 0) {
        return true;
    }
    if (g_error_matches(failure, TRACE_ERROR, TRACE_ERROR_BUSY)) {
        return throw_taken(recording->options, error);
    }
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}

static bool open_output(Recording *recording, char **out_name, GError **error)
{
    const Options *options = recording->options;

    if (!options->output) {
        *out_name = g_strdup_printf("port %s", options->port);
        recording->out_fd = port_open(options->port, error);
        return recording->out_fd >= 0;
    }
    *out_name = g_strdup(options->output);
    recording->out_fd =
        open(options->output,
             O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0600);
    if (recording->out_fd < 0) {
        return trace_throw(error, "cannot create %s: %s", options->output,
                           g_strerror(errno));
    }
    return true;
}

/* For a flight recording, whoever asked for it. */
static bool watch_for_trigger(Recording *recording, GError **error)
{
    const char *tracing_dir = trace_instance_tracing_dir(error);
    const char *marker = stop_sources_marker(recording->sources);

    if (!tracing_dir) {
        return false;
    }
    recording->trigger =
        trigger_new(tracing_dir, recorder_instance_dir(recording->recorder),
                    marker ? marker : recording->options->stop_marker, error);
    return recording->trigger &&
           stop_sources_add_trigger(recording->sources, recording->trigger,
                                    error);
}

static bool watch_for_end(Recording *recording, GError **error)
{
    recording->sources = stop_sources_new(recording->signal_fd, error);
    if (!recording->sources) {
        return false;
    }
    if (recording->options->output) {
        return true;
    }
    recording->control = control_new(recording->out_fd, CONTROL_RECORDER);
    return stop_sources_add_control(recording->sources, recording->control,
                                    recording->out_fd, error);
}

static bool prepare(Recording *recording, GError **error)
{
    const RecorderOptions *options = &recording->options->recorder;
    g_autofree char *out_name = NULL;

    if (!trace_instance_remove_stale(options->instance, error) ||
        !open_output(recording, &out_name, error)) {
        return false;
    }
    /* Before there are descriptors that it would keep open. */
    recording->guard =
        guard_start(options->instance, recording->lock_fd, error);
    if (!recording->guard) {
        return false;
    }
    recording->recorder =
        recorder_new(options, recording->out_fd, out_name, error);
    return recording->recorder != NULL && watch_for_end(recording, error);
}

static void set_failed(State *state, const char *message)
{
    state->kind = STATE_FAILED;
    g_free(state->error);
    state->error = g_strdup(message);
}

Recording *recording_new(const Options *options, int signal_fd, GError **error)
{
    g_autoptr(Recording) recording = g_new0(Recording, 1);
    GError *failure = NULL;

    recording->options = options;
    recording->lock_fd = recording->out_fd = -1;
    recording->signal_fd = signal_fd;
    if (!take_lock(recording, error)) {
        return NULL;
    }
    recording->state = state_new();
    recording->state->pid = getpid();
    recording->state->port =
        g_strdup(options->output ? options->output : options->port);
    recording->state->instance = g_strdup(options->recorder.instance);
    save_state(recording);
    if (!prepare(recording, &failure)) {
        set_failed(recording->state, failure->message);
        g_propagate_error(error, failure);
        return NULL;
    }
    return g_steal_pointer(&recording);
}

bool recording_ask(Recording *recording, GError **error)
{
    const Options *options = recording->options;
    g_autofree char *command =
        options->run ? g_strjoinv(" ", options->run) : NULL;
    const ControlRequest request = {
        .command = command,
        .events = (const char *const *)options->host_events,
        .is_snapshot = options->is_snapshot,
        .duration_ms = options->duration_s * 1000,
    };

    recording->has_asked = true;
    return control_ask(recording->control, &request, recording->signal_fd,
                       error);
}

void recording_set_command(Recording *recording, pid_t pid)
{
    stop_sources_set_child(recording->sources, pid);
}

static bool start_holding(Recording *recording, GError **error)
{
    recorder_hold(recording->recorder);
    return recording->trigger || watch_for_trigger(recording, error);
}

static bool on_ready(Recorder *recorder G_GNUC_UNUSED, gpointer data,
                     GError **error)
{
    Recording *recording = data;
    bool hold;

    /* What the host said while it took the metadata. */
    if (stop_sources_check(recording->sources, &hold) != TRACE_FREEZE_NONE) {
        return trace_throw(error, "stopped before the recording began");
    }
    recording->is_ready = true;
    if ((hold || recording->must_hold || recording->options->is_snapshot) &&
        !start_holding(recording, error)) {
        return false;
    }
    update_state(recording, STATE_RECORDING);
    save_state(recording);
    return recording->ready(recording, recording->ready_data, error);
}

static const char *cause_mark(TraceFreezeCause cause)
{
    switch (cause) {
    case TRACE_FREEZE_TRACING_OFF:
        return "qga-trace: tracing was turned off";
    case TRACE_FREEZE_MARKER:
        return "qga-trace: the stop marker was written";
    default:
        return NULL;
    }
}

static TraceFreezeCause on_wake(Recorder *recorder, gpointer data)
{
    Recording *recording = data;
    bool hold;
    TraceFreezeCause cause = stop_sources_check(recording->sources, &hold);

    if (!recording->is_ready) {
        /* A trigger is only watched for while tracing is on. */
        recording->must_hold |= hold;
    } else if (hold && !start_holding(recording, NULL)) {
        return TRACE_FREEZE_HOST;
    }
    /* So that the timeline shows what ended it. */
    if (cause_mark(cause)) {
        recorder_mark(recorder, cause_mark(cause));
    }
    recording->cause = cause;
    return cause;
}

static void on_tick(Recorder *recorder, gpointer data)
{
    Recording *recording = data;

    if (recorder_sent_bytes(recorder) != recording->state->bytes_sent) {
        update_state(recording, STATE_RECORDING);
        save_state(recording);
    }
}

static void on_stopping(Recorder *recorder G_GNUC_UNUSED, gpointer data)
{
    Recording *recording = data;

    update_state(recording, STATE_STOPPING);
    save_state(recording);
}

bool recording_run(Recording *recording, RecordingReady ready, gpointer data,
                   GError **error)
{
    const RecorderCallbacks callbacks = {
        .ready = on_ready,
        .wake = on_wake,
        .tick = on_tick,
        .stopping = on_stopping,
        .data = recording,
    };
    GError *failure = NULL;
    bool ok;

    recording->ready = ready;
    recording->ready_data = data;
    ok = recorder_run(recording->recorder, stop_sources_fd(recording->sources),
                      &callbacks, &failure);
    update_state(recording, STATE_FINISHED);
    if (!ok) {
        set_failed(recording->state, failure->message);
        g_propagate_error(error, failure);
    }
    return ok;
}

char *recording_wait_stored(Recording *recording)
{
    return recording->has_asked
               ? control_wait_done(recording->control, recording->signal_fd)
               : NULL;
}

const char *recording_end_reason(const Recording *recording)
{
    switch (recording->cause) {
    case TRACE_FREEZE_HOST:
        return stop_sources_host_text(recording->sources);
    case TRACE_FREEZE_TRACING_OFF:
        return "tracing was turned off";
    case TRACE_FREEZE_TRACER:
        return "the tracer turned the recording off";
    case TRACE_FREEZE_MARKER:
        return "the stop marker was written";
    default:
        return NULL;
    }
}

int recording_signal(const Recording *recording)
{
    return stop_sources_signal(recording->sources);
}

const State *recording_state(const Recording *recording)
{
    return recording->state;
}

const char *const *recording_missing_events(const Recording *recording)
{
    return recorder_missing_events(recording->recorder);
}

void recording_free(Recording *recording)
{
    if (!recording) {
        return;
    }
    stop_sources_free(recording->sources);
    trigger_free(recording->trigger);
    recorder_free(recording->recorder);
    guard_free(recording->guard);
    control_free(recording->control);
    if (recording->out_fd >= 0) {
        close(recording->out_fd);
    }
    if (recording->state) {
        recording->state->pid = 0;
        g_clear_pointer(&recording->state->instance, g_free);
        save_state(recording);
        state_free(recording->state);
    }
    if (recording->lock_fd >= 0) {
        close(recording->lock_fd);
    }
    g_free(recording);
}

/* The lock is ours, so no recorder lives. */
static bool bury_dead(const Options *options, State *state, GError **error)
{
    g_autofree char *message = NULL;
    bool was_running = state->pid != 0;

    if (!was_running) {
        return true;
    }
    if (!trace_instance_remove_stale(options->recorder.instance, error)) {
        return false;
    }
    message = g_strdup_printf("the recorder (pid %d) was killed; what it had "
                              "changed in tracefs is restored",
                              (int)state->pid);
    set_failed(state, message);
    state->pid = 0;
    g_clear_pointer(&state->instance, g_free);
    return state_save(state, options->state_dir, error);
}

static void add_live_stats(State *state)
{
    g_autofree char *dir =
        state->instance ? trace_instance_find_dir(state->instance, NULL) : NULL;

    for (guint i = 0; dir && i < state->cpus->len; i++) {
        TraceCpuStats *cpu = &g_array_index(state->cpus, TraceCpuStats, i);
        BufferStats live;

        if (!buffer_stats_read(dir, cpu->cpu, &live, NULL)) {
            break;
        }
        cpu->read_events = live.read;
        cpu->overrun_events = live.overrun;
        cpu->commit_overrun_events = live.commit_overrun;
        cpu->dropped_events = live.dropped;
        cpu->unread_events = live.entries;
    }
}

State *recording_inspect(const Options *options, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(State) state = NULL;
    int lock_fd = lock_or_wait(options, &failure);
    bool ok = true;

    if (lock_fd < 0 &&
        !g_error_matches(failure, TRACE_ERROR, TRACE_ERROR_BUSY)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    state = state_load(options->state_dir, error);
    if (state && lock_fd >= 0) {
        ok = bury_dead(options, state, error);
        if (ok && options->forgets) {
            state_forget(options->state_dir);
        }
    } else if (state) {
        add_live_stats(state);
    }
    if (lock_fd >= 0) {
        close(lock_fd);
    }
    return ok ? g_steal_pointer(&state) : NULL;
}

static bool is_running(const State *state)
{
    return state->pid != 0;
}

State *recording_stop(const Options *options, GError **error)
{
    gint64 deadline_us =
        g_get_monotonic_time() + options->stop_timeout_s * G_USEC_PER_SEC;
    g_autoptr(State) state = recording_inspect(options, error);
    pid_t signalled = 0;

    while (state && is_running(state)) {
        if (signalled != state->pid) {
            if (kill(state->pid, SIGTERM) < 0 && errno != ESRCH) {
                trace_throw(error, "cannot stop the recorder (pid %d): %s",
                            (int)state->pid, g_strerror(errno));
                return NULL;
            }
            signalled = state->pid;
        }
        if (g_get_monotonic_time() >= deadline_us) {
            state->kind = STATE_STOPPING;
            break;
        }
        g_usleep(STOP_POLL_US);
        g_clear_pointer(&state, state_free);
        state = recording_inspect(options, error);
    }
    return g_steal_pointer(&state);
}
