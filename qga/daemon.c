/*
 * Daemon: running a function in the background.
 *
 * A report is a sequence of NUL-terminated strings, the first letter of each
 * its kind.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trace-error.h"

#define KIND_WARNING 'W'
#define KIND_STARTED 'S'
#define KIND_ERROR   'E'

struct DaemonReport {
    int fd; /* -1 once the start has been reported */
};

static bool send_report(const DaemonReport *report, char kind, const char *text)
{
    g_autofree char *line = g_strdup_printf("%c%s", kind, text);
    gsize left_bytes = strlen(line) + 1;
    const char *at = line;

    while (left_bytes > 0) {
        ssize_t bytes = write(report->fd, at, left_bytes);

        if (bytes < 0 && errno != EINTR) {
            return false;
        }
        bytes = MAX(bytes, 0);
        at += bytes;
        left_bytes -= bytes;
    }
    return true;
}

bool daemon_report_started(DaemonReport *report, const char *warnings,
                           const char *text, GError **error)
{
    bool ok = (!warnings || send_report(report, KIND_WARNING, warnings)) &&
              send_report(report, KIND_STARTED, text);

    close(report->fd);
    report->fd = -1;
    return ok || trace_throw(error, "the process that started the recorder is "
                                    "gone");
}

static bool is_kept(const int *keep, guint keep_count, int fd)
{
    for (guint i = 0; i < keep_count; i++) {
        if (keep[i] == fd) {
            return true;
        }
    }
    return false;
}

void daemon_detach_descriptors(const int *keep, guint keep_count)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(int));
    int null_fd = open("/dev/null", O_RDWR);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        int fd = atoi(name);

        g_array_append_val(fds, fd);
    }
    for (int fd = 0; null_fd >= 0 && fd < 3; fd++) {
        dup2(null_fd, fd);
    }
    for (guint i = 0; i < fds->len; i++) {
        int fd = g_array_index(fds, int, i);

        if (fd > 2 && !is_kept(keep, keep_count, fd)) {
            close(fd);
        }
    }
}

static G_GNUC_NORETURN void run_daemon(DaemonMain run, gpointer data, int fd)
{
    DaemonReport report = {.fd = fd};
    g_autoptr(GError) error = NULL;
    bool ok;

    daemon_detach_descriptors(&fd, 1);
    ok = run(&report, data, &error);
    if (!ok && report.fd >= 0) {
        send_report(&report, KIND_ERROR,
                    error ? error->message : "the recorder failed");
    }
    _exit(ok ? 0 : 1);
}

/* Forks twice, so that nobody has to wait for the process that stays. */
static bool fork_daemon(DaemonMain run, gpointer data, int fd, GError **error)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        setsid();
        pid = fork();
        if (pid == 0) {
            run_daemon(run, data, fd);
        }
        _exit(pid < 0 ? 1 : 0);
    }
    if (pid < 0) {
        return trace_throw(error, "cannot fork the recorder: %s",
                           g_strerror(errno));
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        /* again */
    }
    return true;
}

static GString *read_all(int fd)
{
    GString *text = g_string_new(NULL);
    char buffer[4096];
    ssize_t bytes;

    while ((bytes = read(fd, buffer, sizeof(buffer))) != 0) {
        if (bytes > 0) {
            g_string_append_len(text, buffer, bytes);
        } else if (errno != EINTR) {
            break;
        }
    }
    return text;
}

static char *parse_reports(const GString *text, char **warnings, GError **error)
{
    gsize at = 0;

    while (at + 1 < text->len) {
        const char *report = text->str + at;

        switch (report[0]) {
        case KIND_WARNING:
            g_free(*warnings);
            *warnings = g_strdup(report + 1);
            break;
        case KIND_STARTED:
            return g_strdup(report + 1);
        case KIND_ERROR:
            trace_throw(error, "%s", report + 1);
            return NULL;
        }
        at += strlen(report) + 1;
    }
    trace_throw(error, "the recorder was killed before it recorded: see the "
                       "kernel's log");
    return NULL;
}

char *daemon_spawn(DaemonMain run, gpointer data, char **warnings,
                   GError **error)
{
    g_autoptr(GString) text = NULL;
    char *started = NULL;
    int fds[2];

    *warnings = NULL;
    if (pipe2(fds, O_CLOEXEC) < 0) {
        trace_throw(error, "cannot make a pipe: %s", g_strerror(errno));
        return NULL;
    }
    if (fork_daemon(run, data, fds[1], error)) {
        close(fds[1]);
        text = read_all(fds[0]);
        started = parse_reports(text, warnings, error);
    } else {
        close(fds[1]);
    }
    close(fds[0]);
    return started;
}
