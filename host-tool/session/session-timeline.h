/*
 * The inputs of a session's timeline: its .dat files with its clocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SESSION_TIMELINE_H
#define SESSION_TIMELINE_H

#include <glib.h>

#include "merge/timeline.h"
#include "session/session-file.h"

/*
 * Appends a TimelineInput for each machine of the session in dir, host first,
 * labelled with the machines' names, and with @SESSION behind a name that
 * another session has already if this is one of many.  Sentences about what is
 * missing are added to missing (of char *).  False and nothing appended when
 * nothing can be read.
 *
 * Files are taken from files; NULL: they are opened by their paths.
 *
 * A session that was recorded on one of its machines may lie in dir under
 * that machine's name; it is appended, too, as by the function below.
 */
gboolean session_timeline_append(GPtrArray *inputs, const OpenedFiles *files,
                                 const char *dir, gboolean is_one_of_many,
                                 GPtrArray *missing, GError **error);

/*
 * The same of a session that was recorded on a machine that is there already:
 * its host is that machine, and its guests are guests of a guest.  Labelled
 * MACHINE/NAME.
 */
gboolean session_timeline_append_nested(GPtrArray *inputs,
                                        const OpenedFiles *files,
                                        const char *dir,
                                        const TimelineInput *machine,
                                        GPtrArray *missing, GError **error);

/*
 * The inputs of a session whose .dat files are open: fds[i] is machine i's, or
 * -1.  Takes all of them over.  NULL when one can't be read.
 */
GPtrArray *session_timeline_from_fds(const Session *session, const int *fds,
                                     const Limits *limits, GError **error);

#endif
