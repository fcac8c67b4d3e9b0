/*
 * Connecting to a local socket by its path.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef UNIX_CONNECT_H
#define UNIX_CONNECT_H

#include <glib.h>

/*
 * A connected, non-blocking, close-on-exec stream socket, or -1 with a
 * ConnectionError whose sentence starts with what ("QEMU's monitor").
 */
int unix_connect(const char *path, const char *what, GError **error);

#endif
