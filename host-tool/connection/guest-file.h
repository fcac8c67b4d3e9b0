/*
 * GuestFile: copying files into and out of a guest through its agent, in
 * pieces that whatever passes the agent's messages on lets through.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GUEST_FILE_H
#define GUEST_FILE_H

#include <glib.h>
#include <stdint.h>

#include "connection/agent.h"

/* Whether the agent may do what the functions below need. */
gboolean guest_file_check_write(const Agent *agent, GError **error);
gboolean guest_file_check_read(const Agent *agent, GError **error);

/* Creates path in the guest, or replaces it, from all that fd has. */
gboolean guest_file_write(Agent *agent, const char *path, int fd,
                          GError **error);

/*
 * Appends path's contents to fd, up to max_bytes.  *bytes is what was copied,
 * also when it fails.
 */
gboolean guest_file_read(Agent *agent, const char *path, int fd,
                         uint64_t max_bytes, uint64_t *bytes, GError **error);

/* Makes path a program that root alone may run. */
gboolean guest_file_make_program(Agent *agent, const char *path,
                                 GError **error);

/* One that isn't there is no error. */
gboolean guest_file_remove(Agent *agent, const char *path, GError **error);

#endif
