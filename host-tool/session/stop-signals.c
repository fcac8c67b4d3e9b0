/*
 * StopSignals: SIGINT, SIGTERM and SIGHUP, which ask for an end, as something
 * that can be polled for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/stop-signals.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "session/session-error.h"

gboolean stop_signals_block(StopSignals *signals, GError **error)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, &signals->old);
    signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals->fd < 0) {
        g_set_error(error, SESSION_ERROR, SESSION_ERROR_FAILED,
                    "cannot wait for signals: %s", g_strerror(errno));
        sigprocmask(SIG_SETMASK, &signals->old, NULL);
        return FALSE;
    }
    return TRUE;
}

gboolean stop_signals_take(const StopSignals *signals)
{
    struct signalfd_siginfo info;

    return read(signals->fd, &info, sizeof(info)) == sizeof(info);
}

void stop_signals_unblock(StopSignals *signals)
{
    if (signals->fd < 0) {
        return;
    }
    while (stop_signals_take(signals)) {
        /* the next one */
    }
    sigprocmask(SIG_SETMASK, &signals->old, NULL);
    close(signals->fd);
    signals->fd = -1;
}
