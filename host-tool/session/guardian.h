/*
 * Guardian: a process that outlives a killed recording long enough to take
 * out of the guests what the recording had put into them.
 *
 * It sleeps until the recording's process has ended, and is told of each
 * thing that is put in, so that it knows what is left to do.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GUARDIAN_H
#define GUARDIAN_H

#include <glib.h>

#include "session/guest-leavings.h"

typedef struct Guardian Guardian;

/*
 * Forks the process.  addresses (of const GuestAddress *) are the guests.  The
 * caller must have no other threads and no connections yet.
 */
Guardian *guardian_start(const GPtrArray *addresses, GError **error);

/*
 * Tells what is in guest i from now on; to be called before it is put in.
 */
void guardian_tell(Guardian *guardian, guint i, const GuestLeavings *leavings);

/* Ends the process, which does what is left to do, and waits for it. */
void guardian_free(Guardian *guardian);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Guardian, guardian_free)

#endif
