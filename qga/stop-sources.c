/*
 * StopSources: everything that may end a recording.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "stop-sources.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trace-error.h"

struct StopSources {
    int epoll_fd;
    int signal_fd;
    Control *control; /* NULL: none, or its host is gone */
    int control_fd;
    Trigger *trigger;
    pid_t child;
    int process_fd; /* of the process that the host wants watched; or -1 */
    int signal;
    char *host_text;
    char *marker;
};

static bool add(const StopSources *sources, int fd, GError **error)
{
    struct epoll_event event = {.events = EPOLLIN};

    if (epoll_ctl(sources->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        return trace_throw(error, "cannot watch for the end: %s",
                           g_strerror(errno));
    }
    return true;
}

StopSources *stop_sources_new(int signal_fd, GError **error)
{
    g_autoptr(StopSources) sources = g_new0(StopSources, 1);

    sources->signal_fd = signal_fd;
    sources->process_fd = -1;
    sources->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (sources->epoll_fd < 0) {
        trace_throw(error, "cannot create an epoll: %s", g_strerror(errno));
        return NULL;
    }
    return add(sources, signal_fd, error) ? g_steal_pointer(&sources) : NULL;
}

void stop_sources_free(StopSources *sources)
{
    if (!sources) {
        return;
    }
    if (sources->epoll_fd >= 0) {
        close(sources->epoll_fd);
    }
    if (sources->process_fd >= 0) {
        close(sources->process_fd);
    }
    g_free(sources->host_text);
    g_free(sources->marker);
    g_free(sources);
}

bool stop_sources_add_control(StopSources *sources, Control *control, int fd,
                              GError **error)
{
    sources->control = control;
    sources->control_fd = fd;
    return add(sources, fd, error);
}

bool stop_sources_add_trigger(StopSources *sources, Trigger *trigger,
                              GError **error)
{
    sources->trigger = trigger;
    return add(sources, trigger_fd(trigger), error);
}

void stop_sources_set_child(StopSources *sources, pid_t child)
{
    sources->child = child;
}

int stop_sources_fd(const StopSources *sources)
{
    return sources->epoll_fd;
}

static bool has_child_ended(const StopSources *sources)
{
    siginfo_t info = {0};

    return sources->child > 0 &&
           waitid(P_PID, sources->child, &info, WEXITED | WNOHANG | WNOWAIT) ==
               0 &&
           info.si_pid == sources->child;
}

static TraceFreezeCause check_signals(StopSources *sources)
{
    struct signalfd_siginfo info;
    TraceFreezeCause cause = TRACE_FREEZE_NONE;

    while (read(sources->signal_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGCHLD) {
            sources->signal = info.ssi_signo;
            cause = TRACE_FREEZE_SIGNAL;
        }
    }
    if (cause == TRACE_FREEZE_NONE && has_child_ended(sources)) {
        cause = TRACE_FREEZE_COMMAND;
    }
    return cause;
}

/* Not our child: it is the agent's, which waits for it. */
static TraceFreezeCause watch_process(StopSources *sources, const char *text)
{
    guint64 pid;

    if (!g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT32, &pid, NULL) ||
        sources->process_fd >= 0) {
        return TRACE_FREEZE_NONE;
    }
    sources->process_fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (sources->process_fd < 0) {
        /* Gone already; or the kernel is older than 5.3, and the host has to
         * find out by itself. */
        return errno == ESRCH ? TRACE_FREEZE_COMMAND : TRACE_FREEZE_NONE;
    }
    add(sources, sources->process_fd, NULL);
    return TRACE_FREEZE_NONE;
}

static bool has_process_ended(const StopSources *sources)
{
    struct pollfd fd = {.fd = sources->process_fd, .events = POLLIN};

    return sources->process_fd >= 0 && poll(&fd, 1, 0) > 0;
}

static TraceFreezeCause check_control(StopSources *sources, bool *hold)
{
    TraceControl message;

    for (;;) {
        switch (control_read(sources->control, &message)) {
        case CONTROL_NOTHING:
        case CONTROL_NOISE:
            return TRACE_FREEZE_NONE;
        case CONTROL_CLOSED:
            /* The stream's own end is told by writing it. */
            epoll_ctl(sources->epoll_fd, EPOLL_CTL_DEL, sources->control_fd,
                      NULL);
            sources->control = NULL;
            return TRACE_FREEZE_NONE;
        case CONTROL_MESSAGE:
            break;
        }
        if (message.kind == TRACE_CONTROL_STOP) {
            g_free(sources->host_text);
            sources->host_text = g_strdup(message.text);
            return TRACE_FREEZE_HOST;
        }
        if (message.kind == TRACE_CONTROL_HOLD) {
            g_free(sources->marker);
            sources->marker = *message.text ? g_strdup(message.text) : NULL;
            *hold = true;
        } else if (message.kind == TRACE_CONTROL_WATCH &&
                   watch_process(sources, message.text) != TRACE_FREEZE_NONE) {
            return TRACE_FREEZE_COMMAND;
        }
    }
}

TraceFreezeCause stop_sources_check(StopSources *sources, bool *hold)
{
    TraceFreezeCause cause = TRACE_FREEZE_NONE;

    *hold = false;
    /* The host's word first: it is the one that is waiting. */
    if (sources->control) {
        cause = check_control(sources, hold);
    }
    if (cause == TRACE_FREEZE_NONE && sources->trigger) {
        cause = trigger_check(sources->trigger);
    }
    if (cause == TRACE_FREEZE_NONE && has_process_ended(sources)) {
        cause = TRACE_FREEZE_COMMAND;
    }
    /* Signals are taken in any case, as one may have to be passed on. */
    if (cause == TRACE_FREEZE_NONE) {
        return check_signals(sources);
    }
    check_signals(sources);
    return cause;
}

const char *stop_sources_marker(const StopSources *sources)
{
    return sources->marker;
}

int stop_sources_signal(const StopSources *sources)
{
    return sources->signal;
}

const char *stop_sources_host_text(const StopSources *sources)
{
    return sources->host_text;
}
