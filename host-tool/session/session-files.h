/*
 * SessionFiles: all that belongs to a session, opened without a look into it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SESSION_FILES_H
#define SESSION_FILES_H

#include "trace-data/opened-files.h"

/* Sessions in sessions: more are a mistake, or a link to itself. */
#define SESSION_MAX_DEPTH 8
/* Files of all sessions that are read together. */
#define SESSION_MAX_FILES 4096

/*
 * Adds session.json and the .dat files of the session in dir, and those of the
 * sessions in it.  What is more than the limits above is left out.
 */
void session_files_open(OpenedFiles *files, const char *dir);

#endif
