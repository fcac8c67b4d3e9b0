/*
 * The inputs of a session's timeline: its .dat files with its clocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SESSION_TIMELINE_H
#define SESSION_TIMELINE_H

#include <glib.h>

/*
 * An array of TimelineInput, host first, labelled with the machines' names.
 * Machines without a .dat file are left out and named in *missing (of char *,
 * one sentence each; caller unrefs).  NULL when nothing is left.
 */
GPtrArray *session_timeline_open(const char *dir, GPtrArray **missing,
                                 GError **error);

#endif
