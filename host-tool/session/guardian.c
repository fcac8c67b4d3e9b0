/*
 * The process that cleans up after a killed recording.
 *
 * What it is told are lines: the guest's index, whether a channel is plugged
 * in, the two files' names or "-", and the command's process id or 0, separated
 * by blanks.  We choose those names, so they have none.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/session-error.h"

#define NOTHING "-"

struct Guardian {
    pid_t pid;
    int fd;
};

/* --- the child --- */

static void take_line(char *line, GuestLeavings *leavings, guint n_guests)
{
    g_auto(GStrv) words = g_strsplit(g_strchomp(line), " ", -1);
    guint i;

    if (g_strv_length(words) != 5) {
        return;
    }
    i = (guint)g_ascii_strtoull(words[0], NULL, 10);
    if (i >= n_guests) {
        return;
    }
    guest_leavings_clear(&leavings[i]);
    leavings[i].is_plugged = g_str_equal(words[1], "1");
    if (!g_str_equal(words[2], NOTHING)) {
        leavings[i].program_file = g_strdup(words[2]);
    }
    if (!g_str_equal(words[3], NOTHING)) {
        leavings[i].stream_file = g_strdup(words[3]);
    }
    leavings[i].command_pid = g_ascii_strtoll(words[4], NULL, 10);
}

/* Signals of the terminal are for the recording alone. */
static void detach(int fd)
{
    static const int ignored[] = {SIGINT,  SIGTERM, SIGHUP,
                                  SIGPIPE, SIGQUIT, SIGTSTP};
    sigset_t none;
    int null_fd;

    for (size_t i = 0; i < G_N_ELEMENTS(ignored); i++) {
        signal(ignored[i], SIG_IGN);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    prctl(PR_SET_NAME, "trace-guardian");
    /* Who waits for the end of our parent's output must not wait for us. */
    null_fd = open("/dev/null", O_RDWR);
    for (int i = STDIN_FILENO; i <= STDERR_FILENO && null_fd >= 0; i++) {
        dup2(null_fd, i);
    }
    close_range(STDERR_FILENO + 1, fd - 1, 0);
    close_range(fd + 1, ~0U, 0);
}

G_GNUC_NORETURN
static void watch(const GPtrArray *addresses, int fd)
{
    g_autofree GuestLeavings *leavings = g_new0(GuestLeavings, addresses->len);
    int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 2);
    FILE *from;
    char *line = NULL;
    size_t size = 0;

    detach(own_fd);
    from = fdopen(own_fd, "r");
    while (from && getline(&line, &size, from) > 0) {
        take_line(line, leavings, addresses->len);
    }
    for (guint i = 0; i < addresses->len; i++) {
        if (guest_leavings_exist(&leavings[i])) {
            guest_leavings_remove_anew(&leavings[i], addresses->pdata[i], NULL);
        }
    }
    _exit(0);
}

/* --- the parent --- */

Guardian *guardian_start(const GPtrArray *addresses, GError **error)
{
    Guardian *guardian;
    int fds[2];
    pid_t pid = -1;

    if (pipe2(fds, O_CLOEXEC) == 0) {
        pid = fork();
        if (pid == 0) {
            watch(addresses, fds[0]);
        }
        close(fds[0]);
        if (pid < 0) {
            close(fds[1]);
        }
    }
    if (pid < 0) {
        g_set_error(error, SESSION_ERROR, SESSION_ERROR_FAILED,
                    "cannot start a process that cleans up: %s",
                    g_strerror(errno));
        return NULL;
    }
    guardian = g_new0(Guardian, 1);
    guardian->pid = pid;
    guardian->fd = fds[1];
    return guardian;
}

void guardian_tell(Guardian *guardian, guint i, const GuestLeavings *leavings)
{
    g_autofree char *line = g_strdup_printf(
        "%u %d %s %s %" G_GINT64_FORMAT "\n", i, leavings->is_plugged,
        leavings->program_file ? leavings->program_file : NOTHING,
        leavings->stream_file ? leavings->stream_file : NOTHING,
        leavings->command_pid);

    /* Without a guardian it is this process that must not be killed. */
    if (write(guardian->fd, line, strlen(line)) < 0) {
        return;
    }
}

void guardian_free(Guardian *guardian)
{
    if (guardian) {
        close(guardian->fd);
        while (waitpid(guardian->pid, NULL, 0) < 0 && errno == EINTR) {
            /* again */
        }
        g_free(guardian);
    }
}
