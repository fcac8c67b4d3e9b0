/*
 * HostChanges: the changes of TSC offsets that a session's host recorded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HOST_CHANGES_H
#define HOST_CHANGES_H

#include <glib.h>

#include "limits/limits.h"
#include "session/session-file.h"

/*
 * An array of OffsetChange in the order of their ticks, of the host's .dat
 * file in dir, which is read in a confined process: a session may be another's.
 * The caller unrefs.
 */
GArray *host_changes_read(const char *dir, const SessionMachine *host,
                          const Limits *limits, GError **error);

#endif
