/*
 * SessionDir: the directory of a session, made when its recording begins.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SESSION_DIR_H
#define SESSION_DIR_H

#include <glib.h>

#include "session/session-file.h"

/*
 * Makes NAME-YYYYMMDDTHHMMSSZ in parent (NULL: here); its path is the
 * caller's.
 */
char *session_dir_make(const char *name, const char *parent, GError **error);

/*
 * Removes it with the files of a recording that never began; session may be
 * NULL.
 */
void session_dir_remove(const char *dir, const Session *session);

#endif
