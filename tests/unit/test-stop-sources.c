/*
 * StopSources: each thing that may end a recording does, and says which it was.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stop-sources.h"

typedef struct Fixture {
    int signal_fd;
    int host_fd;
    int guest_fd;
    Control *control;
    StopSources *sources;
} Fixture;

static void open_fixture(Fixture *f)
{
    sigset_t signals;
    int fds[2];

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    f->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    f->sources = stop_sources_new(f->signal_fd, NULL);
    g_assert_nonnull(f->sources);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==,
                    0);
    f->host_fd = fds[0];
    f->guest_fd = fds[1];
    fcntl(f->guest_fd, F_SETFL, O_NONBLOCK);
    f->control = control_new(f->guest_fd, CONTROL_RECORDER);
    g_assert_true(
        stop_sources_add_control(f->sources, f->control, f->guest_fd, NULL));
}

static void close_fixture(Fixture *f)
{
    stop_sources_free(f->sources);
    control_free(f->control);
    close(f->host_fd);
    close(f->guest_fd);
    close(f->signal_fd);
}

static void say(const Fixture *f, TraceControlKind kind, const char *text)
{
    Control *host = control_new(f->host_fd, CONTROL_HOST);

    g_assert_true(control_say(host, kind, 0, 0, text));
    control_free(host);
}

/* Waits until there is something; then what it is. */
static TraceFreezeCause wait_cause(const Fixture *f, bool *hold)
{
    struct pollfd fd = {.fd = stop_sources_fd(f->sources), .events = POLLIN};

    g_assert_cmpint(poll(&fd, 1, -1), ==, 1);
    return stop_sources_check(f->sources, hold);
}

static pid_t fork_child(bool is_mortal)
{
    pid_t pid = fork();

    if (pid == 0) {
        if (!is_mortal) {
            for (;;) {
                pause();
            }
        }
        _exit(3);
    }
    return pid;
}

static void test_nothing(void)
{
    Fixture f;
    bool hold;

    open_fixture(&f);
    g_assert_cmpint(stop_sources_check(f.sources, &hold), ==,
                    TRACE_FREEZE_NONE);
    g_assert_false(hold);
    g_assert_cmpint(stop_sources_signal(f.sources), ==, 0);
    close_fixture(&f);
}

static void test_signal(void)
{
    Fixture f;
    bool hold;

    open_fixture(&f);
    raise(SIGTERM);
    g_assert_cmpint(wait_cause(&f, &hold), ==, TRACE_FREEZE_SIGNAL);
    g_assert_cmpint(stop_sources_signal(f.sources), ==, SIGTERM);
    close_fixture(&f);
}

/* The recorded command's end counts, another child's does not. */
static void test_child(void)
{
    Fixture f;
    bool hold;
    pid_t other, child;
    int status;

    open_fixture(&f);
    child = fork_child(false);
    stop_sources_set_child(f.sources, child);
    other = fork_child(true);
    g_assert_cmpint(wait_cause(&f, &hold), ==, TRACE_FREEZE_NONE);
    g_assert_cmpint(waitpid(other, NULL, 0), ==, other);
    kill(child, SIGKILL);
    g_assert_cmpint(wait_cause(&f, &hold), ==, TRACE_FREEZE_COMMAND);
    /* Its status is still there for who wants it. */
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(WIFSIGNALED(status));
    close_fixture(&f);
}

static void test_host(void)
{
    Fixture f;
    bool hold;

    open_fixture(&f);
    say(&f, TRACE_CONTROL_HOLD, "overload");
    g_assert_cmpint(wait_cause(&f, &hold), ==, TRACE_FREEZE_NONE);
    g_assert_true(hold);
    g_assert_cmpstr(stop_sources_marker(f.sources), ==, "overload");
    say(&f, TRACE_CONTROL_STOP, "the time is over");
    g_assert_cmpint(wait_cause(&f, &hold), ==, TRACE_FREEZE_HOST);
    g_assert_false(hold);
    g_assert_cmpstr(stop_sources_host_text(f.sources), ==, "the time is over");
    close_fixture(&f);
}

/* A process that is somebody else's child. */
static void test_watch(void)
{
    g_autofree char *text = NULL;
    Fixture f;
    bool hold;
    pid_t child;

    open_fixture(&f);
    child = fork_child(false);
    text = g_strdup_printf("%d", child);
    say(&f, TRACE_CONTROL_WATCH, "no number");
    say(&f, TRACE_CONTROL_WATCH, text);
    g_assert_cmpint(wait_cause(&f, &hold), ==, TRACE_FREEZE_NONE);
    kill(child, SIGKILL);
    g_assert_cmpint(wait_cause(&f, &hold), ==, TRACE_FREEZE_COMMAND);
    g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
    close_fixture(&f);
}

/* A host that is gone is no reason by itself, nor one to spin. */
static void test_host_gone(void)
{
    Fixture f;
    struct pollfd fd;
    bool hold;

    open_fixture(&f);
    shutdown(f.host_fd, SHUT_RDWR);
    g_assert_cmpint(wait_cause(&f, &hold), ==, TRACE_FREEZE_NONE);
    fd = (struct pollfd){.fd = stop_sources_fd(f.sources), .events = POLLIN};
    g_assert_cmpint(poll(&fd, 1, 0), ==, 0);
    close_fixture(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/stop-sources/nothing", test_nothing);
    g_test_add_func("/stop-sources/signal", test_signal);
    g_test_add_func("/stop-sources/child", test_child);
    g_test_add_func("/stop-sources/host", test_host);
    g_test_add_func("/stop-sources/watch", test_watch);
    g_test_add_func("/stop-sources/host-gone", test_host_gone);
    return g_test_run();
}
