/*
 * The host's recorder in a child process.
 *
 * The child ends when the parent closes the stop pipe, and so also when the
 * parent dies.  What it has to say comes through the status pipe: "R" when
 * it records, then nothing if all went well, or else one sentence.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/host-recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qga/trace-instance.h"
#include "qga/recorder.h"
#include "session/disk-reserve.h"
#include "session/session-error.h"

#define INSTANCE_PREFIX  "qemu-trace-merge-"
#define START_TIMEOUT_MS 30000
#define STOP_TIMEOUT_MS  30000
#define DRAIN_TIMEOUT_S  20
#define MAX_SENTENCE     1000
#define READY            'R'

/* Written by the child, read by the parent. */
typedef struct SharedSigns {
    _Atomic uint64_t events;
    _Atomic uint64_t lost_events;
    _Atomic uint64_t bytes;
} SharedSigns;

struct HostRecorder {
    pid_t pid;          /* 0 once it was waited for */
    SharedSigns *signs; /* a shared mapping */
    int stop_fd;
    int status_fd;
    GString *said;
};

/* --- the child --- */

/*
 * A killed recording leaves its instance.  The name tells the process; one
 * that is gone needs it no more.
 */
static void remove_stale_instances(void)
{
    static const char *const dirs[] = {
        "/sys/kernel/tracing/instances",
        "/sys/kernel/debug/tracing/instances",
    };
    g_autoptr(GDir) dir = NULL;
    const char *name;

    for (size_t i = 0; !dir && i < G_N_ELEMENTS(dirs); i++) {
        dir = g_dir_open(dirs[i], 0, NULL);
    }
    while (dir && (name = g_dir_read_name(dir))) {
        if (g_str_has_prefix(name, INSTANCE_PREFIX)) {
            pid_t pid = atoi(name + strlen(INSTANCE_PREFIX));

            if (pid > 0 && kill(pid, 0) < 0 && errno == ESRCH) {
                trace_instance_remove_stale(name, NULL);
            }
        }
    }
}

static void say(int status_fd, const char *text, size_t length)
{
    /* A parent that is gone hears nothing: no reason to end differently. */
    if (write(status_fd, text, length) < 0) {
        return;
    }
}

typedef struct Child {
    int status_fd;
    SharedSigns *signs;
    int file_fd;
    uint64_t max_bytes;
    const Limits *limits;
} Child;

/* Each second anew: others write to the disk, too. */
static void limit_file(const Child *child, uint64_t sent_bytes)
{
    uint64_t max_bytes = child->max_bytes;
    struct rlimit limit;

    if (child->limits->keep_free_bytes > 0) {
        uint64_t room = disk_reserve_room(child->file_fd, child->limits);

        max_bytes = MIN(max_bytes, sent_bytes + MIN(room, max_bytes));
    }
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0) {
        limit.rlim_cur = MIN(max_bytes, limit.rlim_max);
        setrlimit(RLIMIT_FSIZE, &limit);
    }
}

static bool say_ready(Recorder *recorder G_GNUC_UNUSED, gpointer data,
                      GError **error G_GNUC_UNUSED)
{
    char ready = READY;

    say(((Child *)data)->status_fd, &ready, 1);
    return true;
}

static void show_signs(Recorder *recorder, gpointer data)
{
    SharedSigns *signs = ((Child *)data)->signs;
    uint64_t events = 0, lost_events = 0;
    guint cpu_count;
    const TraceCpuStats *stats = recorder_cpu_stats(recorder, &cpu_count);

    for (guint i = 0; i < cpu_count; i++) {
        events += stats[i].read_events + stats[i].unread_events;
        lost_events += stats[i].overrun_events +
                       stats[i].commit_overrun_events + stats[i].dropped_events;
    }
    atomic_store(&signs->events, events);
    atomic_store(&signs->lost_events, lost_events);
    atomic_store(&signs->bytes, recorder_sent_bytes(recorder));
    limit_file(data, recorder_sent_bytes(recorder));
}

static bool record(const RecorderOptions *options, const char *file_name,
                   int stop_fd, Child *child, GError **error)
{
    g_autofree char *instance =
        g_strdup_printf(INSTANCE_PREFIX "%d", (int)getpid());
    RecorderOptions own = *options;
    RecorderCallbacks callbacks = {
        .ready = say_ready,
        .tick = show_signs,
        .data = child,
    };
    g_autoptr(Recorder) recorder = NULL;

    remove_stale_instances();
    own.instance = instance;
    own.drain_timeout_s =
        own.is_held ? RECORDER_HELD_DRAIN_TIMEOUT_S : DRAIN_TIMEOUT_S;
    recorder = recorder_new(&own, child->file_fd, file_name, error);
    return recorder && recorder_run(recorder, stop_fd, &callbacks, error);
}

/*
 * Ctrl-C reaches the whole process group, but this process must end in order,
 * when the parent says so.
 */
static void ignore_signals(void)
{
    static const int ignored[] = {SIGINT,  SIGTERM, SIGHUP,
                                  SIGPIPE, SIGXFSZ, SIGTSTP};
    sigset_t none;

    for (size_t i = 0; i < G_N_ELEMENTS(ignored); i++) {
        signal(ignored[i], SIG_IGN);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static gint compare_ints(gconstpointer a, gconstpointer b)
{
    return *(const int *)a - *(const int *)b;
}

/*
 * The guests' sockets and the parent's end of the pipes must not live on in
 * here.
 */
static void close_all_but(int a, int b, int c)
{
    int keep[] = {STDERR_FILENO, a, b, c};

    qsort(keep, G_N_ELEMENTS(keep), sizeof(keep[0]), compare_ints);
    for (size_t i = 0; i < G_N_ELEMENTS(keep); i++) {
        unsigned first = keep[i] + 1;
        unsigned last =
            i + 1 < G_N_ELEMENTS(keep) ? (unsigned)keep[i + 1] - 1 : ~0U;

        if (first <= last) {
            close_range(first, last, 0);
        }
    }
}

G_GNUC_NORETURN
static void run_child(const RecorderOptions *options, const char *file_name,
                      int stop_fd, Child *child)
{
    int status_fd = child->status_fd;
    struct rlimit limit = {child->max_bytes, child->max_bytes};
    g_autoptr(GError) error = NULL;
    bool ok;

    ignore_signals();
    close_all_but(child->file_fd, stop_fd, status_fd);
    setrlimit(RLIMIT_FSIZE, &limit);
    limit_file(child, 0);
    ok = record(options, file_name, stop_fd, child, &error);
    if (!ok) {
        say(status_fd, error->message, strlen(error->message));
    }
    _exit(ok ? 0 : 1);
}

/* --- the parent --- */

static gboolean throw_child_error(HostRecorder *recorder, GError **error)
{
    const char *text = recorder->said->str;
    gboolean is_full =
        strstr(text, g_strerror(EFBIG)) != NULL && recorder->said->len > 0;

    if (*text == READY) {
        text++;
    }
    g_set_error(error, SESSION_ERROR, SESSION_ERROR_FAILED,
                "the host's recording ended early: %s%s",
                *text ? text : "its process was killed",
                is_full ? " (--max-size, or --limit keep-free)" : "");
    return FALSE;
}

/* Reads what there is; FALSE at the end of it. */
static gboolean hear(HostRecorder *recorder)
{
    char text[256];
    ssize_t n = read(recorder->status_fd, text, sizeof(text));

    if (n > 0 && recorder->said->len < MAX_SENTENCE) {
        g_string_append_len(recorder->said, text, n);
    }
    return n > 0 || (n < 0 && errno == EINTR);
}

/* FALSE when nothing was heard in time. */
static gboolean wait_to_hear(HostRecorder *recorder, gint64 deadline)
{
    struct pollfd fd = {.fd = recorder->status_fd, .events = POLLIN};
    int n;

    do {
        gint64 left_us = MAX(deadline - g_get_monotonic_time(), 0);

        n = poll(&fd, 1, left_us / 1000);
    } while (n < 0 && errno == EINTR);
    return n > 0;
}

static gboolean wait_ready(HostRecorder *recorder, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)START_TIMEOUT_MS * 1000;

    while (wait_to_hear(recorder, deadline)) {
        if (!hear(recorder)) {
            return throw_child_error(recorder, error);
        }
        if (recorder->said->str[0] == READY) {
            return TRUE;
        }
    }
    g_set_error(error, SESSION_ERROR, SESSION_ERROR_FAILED,
                "the host's recording did not start within %d s",
                START_TIMEOUT_MS / 1000);
    return FALSE;
}

static gboolean open_pipes(int stop[2], int status[2], GError **error)
{
    if (pipe2(stop, O_CLOEXEC) < 0) {
        stop[0] = stop[1] = -1;
    }
    if (stop[0] < 0 || pipe2(status, O_CLOEXEC) < 0) {
        g_set_error(error, SESSION_ERROR, SESSION_ERROR_FAILED,
                    "cannot create a pipe: %s", g_strerror(errno));
        if (stop[0] >= 0) {
            close(stop[0]);
            close(stop[1]);
        }
        return FALSE;
    }
    return TRUE;
}

HostRecorder *host_recorder_start(const RecorderOptions *options, int file_fd,
                                  const char *file_name, uint64_t max_bytes,
                                  const Limits *limits, GError **error)
{
    g_autoptr(HostRecorder) recorder = NULL;
    SharedSigns *signs;
    int stop[2], status[2];
    pid_t pid;

    if (!open_pipes(stop, status, error)) {
        return NULL;
    }
    signs = mmap(NULL, sizeof(*signs), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    g_assert(signs != MAP_FAILED); /* as any memory */
    pid = fork();
    if (pid == 0) {
        Child child = {
            .status_fd = status[1],
            .signs = signs,
            .file_fd = file_fd,
            .max_bytes = max_bytes,
            .limits = limits,
        };

        run_child(options, file_name, stop[0], &child);
    }
    /* It is theirs alone: no process that is confined later has it. */
    madvise(signs, sizeof(*signs), MADV_DONTFORK);
    close(stop[0]);
    close(status[1]);
    recorder = g_new0(HostRecorder, 1);
    recorder->pid = MAX(pid, 0);
    recorder->stop_fd = stop[1];
    recorder->signs = signs;
    recorder->status_fd = status[0];
    recorder->said = g_string_new(NULL);
    if (pid < 0) {
        g_set_error(error, SESSION_ERROR, SESSION_ERROR_FAILED,
                    "cannot start a process for the host's recording: %s",
                    g_strerror(errno));
        return NULL;
    }
    return wait_ready(recorder, error) ? g_steal_pointer(&recorder) : NULL;
}

int host_recorder_event_fd(const HostRecorder *recorder)
{
    return recorder->status_fd;
}

/* Waits for the child, which has STOP_TIMEOUT_MS to end by itself. */
static int reap(HostRecorder *recorder)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)STOP_TIMEOUT_MS * 1000;
    int status = 0;

    while (wait_to_hear(recorder, deadline) && hear(recorder)) {
        /* until the end of the status pipe */
    }
    if (g_get_monotonic_time() >= deadline) {
        kill(recorder->pid, SIGKILL);
    }
    while (waitpid(recorder->pid, &status, 0) < 0 && errno == EINTR) {
        /* again */
    }
    if (WIFSIGNALED(status)) {
        g_autofree char *instance =
            g_strdup_printf(INSTANCE_PREFIX "%d", (int)recorder->pid);

        trace_instance_remove_stale(instance, NULL);
    }
    recorder->pid = 0;
    if (WIFSIGNALED(status)) {
        remove_stale_instances();
    }
    return status;
}

HostRecorderSigns host_recorder_signs(const HostRecorder *recorder)
{
    return (HostRecorderSigns){
        .events = atomic_load(&recorder->signs->events),
        .lost_events = atomic_load(&recorder->signs->lost_events),
        .bytes = atomic_load(&recorder->signs->bytes),
    };
}

void host_recorder_freeze(HostRecorder *recorder)
{
    if (recorder->stop_fd >= 0) {
        close(recorder->stop_fd);
        recorder->stop_fd = -1;
    }
}

gboolean host_recorder_stop(HostRecorder *recorder, GError **error)
{
    int status;

    host_recorder_freeze(recorder);
    status = reap(recorder);
    return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
           throw_child_error(recorder, error);
}

void host_recorder_free(HostRecorder *recorder)
{
    if (recorder) {
        host_recorder_freeze(recorder);
        if (recorder->pid > 0) {
            reap(recorder);
        }
        close(recorder->status_fd);
        munmap(recorder->signs, sizeof(*recorder->signs));
        g_string_free(recorder->said, TRUE);
        g_free(recorder);
    }
}
