/*
 * Guard: a process that outlives the recorder.
 *
 * A killed recorder can't remove its tracefs instance.  The kernel frees the
 * instance's buffers (capture.c, set_dead_man_switch), but its directory would
 * stay until the next qga-trace comes by.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"
#include "trace-error.h"
#include "trace-instance.h"

#define DISMISSED 'd'

struct Guard {
    int fd;
};

static G_GNUC_NORETURN void keep_guard(const char *instance, int lock_fd,
                                       int fd)
{
    const int keep[] = {lock_fd, fd};
    sigset_t all;
    char word = 0;

    /* It ends when the recorder does, and only then. */
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    prctl(PR_SET_NAME, "qga-trace-guard");
    daemon_detach_descriptors(keep, G_N_ELEMENTS(keep));
    while (read(fd, &word, 1) < 0 && errno == EINTR) {
        /* again */
    }
    if (word != DISMISSED) {
        trace_instance_remove_stale(instance, NULL);
    }
    _exit(0);
}

/* Where SIGCHLD is blocked, to be taken from a signalfd, ours is pending. */
static void forget_child(void)
{
    const struct timespec now = {0};
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigtimedwait(&child, NULL, &now);
}

/* Forks twice, so that its end is no business of the recorder's SIGCHLD. */
static bool fork_guard(const char *instance, int lock_fd, const int fds[2],
                       GError **error)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        setsid();
        pid = fork();
        if (pid == 0) {
            keep_guard(instance, lock_fd, fds[1]);
        }
        _exit(pid < 0 ? 1 : 0);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        /* again */
    }
    forget_child();
    if (pid < 0 || status != 0) {
        return trace_throw(error, "cannot fork the recorder's guard: %s",
                           g_strerror(errno));
    }
    return true;
}

Guard *guard_start(const char *instance, int lock_fd, GError **error)
{
    g_autoptr(Guard) guard = NULL;
    int fds[2];
    bool ok;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        trace_throw(error, "cannot make a socket pair: %s", g_strerror(errno));
        return NULL;
    }
    ok = fork_guard(instance, lock_fd, fds, error);
    close(fds[1]);
    if (!ok) {
        close(fds[0]);
        return NULL;
    }
    guard = g_new0(Guard, 1);
    guard->fd = fds[0];
    return g_steal_pointer(&guard);
}

void guard_free(Guard *guard)
{
    char word = DISMISSED;

    if (!guard) {
        return;
    }
    if (send(guard->fd, &word, 1, MSG_NOSIGNAL) == 1) {
        while (read(guard->fd, &word, 1) < 0 && errno == EINTR) {
            /* until it has closed its end */
        }
    }
    close(guard->fd);
    g_free(guard);
}
