/*
 * Daemon: running a function in the background, and hearing from it how its
 * start went.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DAEMON_H
#define DAEMON_H

#include <glib.h>
#include <stdbool.h>

/* The background process's line to the one that waits for it. */
typedef struct DaemonReport DaemonReport;

/*
 * Runs in the background process: its own session, standard descriptors on
 * /dev/null, no other descriptors.  It must say started or let @error be
 * reported; its status is lost.
 */
typedef bool (*DaemonMain)(DaemonReport *report, gpointer data, GError **error);

/*
 * Standard descriptors to /dev/null, all others but @keep closed: an agent may
 * leak descriptors into us, and waits until its pipes close.
 */
void daemon_detach_descriptors(const int *keep, guint keep_count);

/*
 * Tells that the start went well.  @warnings may be NULL; @text is what
 * daemon_spawn returns.  Returns false if the waiting process is gone.
 */
bool daemon_report_started(DaemonReport *report, const char *warnings,
                           const char *text, GError **error);

/*
 * Starts @run in the background and waits until it has reported.  Returns its
 * text, or NULL with the error that it failed with.  *@warnings is set to what
 * it said, or NULL.
 */
char *daemon_spawn(DaemonMain run, gpointer data, char **warnings,
                   GError **error);

#endif
