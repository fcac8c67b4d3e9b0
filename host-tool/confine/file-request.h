/*
 * FileRequest: how a confined process gets files to write to.
 *
 * It asks for a file by name over a socket, and its parent, which knows what
 * may be made where, sends a descriptor back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FILE_REQUEST_H
#define FILE_REQUEST_H

#include <glib.h>

#define FILE_REQUEST_MAX_NAME 512

/*
 * Makes what the name says, as far as it may be, and opens it.  The name is
 * from a process that may have been taken over.  -1 with errno.
 */
typedef int (*FileRequestFunc)(const char *name, gpointer data);

/* Two ends: fds[0] is the parent's. */
gboolean file_request_pair(int fds[2], GError **error);

/* In the child: a descriptor of the caller's, or -1 with errno. */
int file_request_send(int fd, const char *name);

/* In the parent: answers one request.  FALSE once there are no more. */
gboolean file_request_serve(int fd, FileRequestFunc func, gpointer data);

#endif
