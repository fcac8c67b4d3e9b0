/*
 * Qmp: a client of QEMU's monitor on a local socket.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef QMP_H
#define QMP_H

#include <glib.h>
#include <json-c/json.h>

#include "connection/guest-event.h"

typedef struct Qmp Qmp;

/* Connects, waits for the greeting and enters command mode. */
Qmp *qmp_connect(const char *path, GError **error);
/* Speaks over a socket that is connected already; takes fd over. */
Qmp *qmp_new(int fd, const char *peer, GError **error);
void qmp_free(Qmp *qmp);

/*
 * Runs command with arguments (consumed, may be NULL) and returns its "return"
 * member, the caller's.  Events that come meanwhile are kept.
 */
json_object *qmp_execute(Qmp *qmp, const char *command, json_object *arguments,
                         unsigned timeout_ms, GError **error);

/* Gives QEMU a copy of fd, which its other commands then know by name. */
gboolean qmp_send_fd(Qmp *qmp, int fd, const char *name, unsigned timeout_ms,
                     GError **error);

/* For polling only. */
int qmp_fd(const Qmp *qmp);

/* Takes in what has arrived without waiting; fails when QEMU is gone. */
gboolean qmp_pump(Qmp *qmp, GError **error);

/* The oldest event not yet fetched; FALSE if there is none. */
gboolean qmp_next_event(Qmp *qmp, GuestEvent *event);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Qmp, qmp_free)

#endif
