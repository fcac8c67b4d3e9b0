/*
 * LinePeer: the other end of a JSON connection, for tests: a thread that
 * answers each line it gets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LINE_PEER_H
#define LINE_PEER_H

#include <glib.h>

typedef struct LinePeer LinePeer;

/* What to send for a line, freed by the peer; NULL: nothing. */
typedef char *(*LinePeerAnswer)(const char *line, gpointer data);

/* Sends greeting first, if it isn't NULL.  *fd is our end. */
LinePeer *line_peer_start(const char *greeting, LinePeerAnswer answer,
                          gpointer data, int *fd);
/* To be called once our end is closed. */
void line_peer_join(LinePeer *peer);

/* The number after "KEY": in line; fails the test if there is none. */
gint64 line_peer_number(const char *line, const char *key);

#endif
