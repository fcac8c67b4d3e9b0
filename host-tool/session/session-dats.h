/*
 * SessionDats: from the stored streams of a session to its .dat files.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SESSION_DATS_H
#define SESSION_DATS_H

#include <glib.h>

#include "limits/limits.h"
#include "session/session-file.h"

/*
 * Makes all .dat files, with what they need to know of each other, and saves
 * the session as COMPLETE.  queries[i] (of OffsetQuery) is what QEMU answered
 * for machine i, NULL for the host; queries itself is NULL for a session that
 * was loaded from its file.
 *
 * A machine whose stream has nothing readable gets a note and no file.  Fails
 * if a file can't be written, or if no machine has anything readable; all
 * that can be made is made nevertheless.
 */
gboolean session_dats_make(Session *session, const char *dir,
                           GPtrArray *const *queries, const Limits *limits,
                           GError **error);

#endif
