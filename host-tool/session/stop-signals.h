/*
 * StopSignals: SIGINT, SIGTERM and SIGHUP, which ask for an end, as something
 * that can be polled for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STOP_SIGNALS_H
#define STOP_SIGNALS_H

#include <glib.h>
#include <signal.h>

/* {.fd = -1} before they are blocked. */
typedef struct StopSignals {
    int fd; /* becomes readable when one comes */
    sigset_t old;
} StopSignals;

/* On failure nothing is blocked. */
gboolean stop_signals_block(StopSignals *signals, GError **error);

/* Whether one has come, which is taken. */
gboolean stop_signals_take(const StopSignals *signals);

/* Those that came meanwhile have done what they are for. */
void stop_signals_unblock(StopSignals *signals);

#endif
