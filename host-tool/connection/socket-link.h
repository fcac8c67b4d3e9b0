/*
 * SocketLink: the GuestLink of a QEMU that was started by hand with its
 * monitor, agent and trace channels on local sockets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SOCKET_LINK_H
#define SOCKET_LINK_H

#include "connection/guest-link.h"

typedef struct SocketLinkPaths {
    const char *qmp;
    const char *agent;
    const char *trace; /* NULL: the guest has no such channel */
} SocketLinkPaths;

/* Connects to the monitor and the agent; the trace is opened when asked for. */
GuestLink *socket_link_open(const SocketLinkPaths *paths, GError **error);

#endif
