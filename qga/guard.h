/*
 * Guard: a process that does nothing but outlive the recorder, to restore
 * tracefs if the recorder is killed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GUARD_H
#define GUARD_H

#include <glib.h>

typedef struct Guard Guard;

/*
 * Starts the guard of a tracefs instance that may not exist yet.  It keeps
 * @lock_fd open, and with it the recorder's lock, until the instance is gone.
 */
Guard *guard_start(const char *instance, int lock_fd, GError **error);

/* Dismisses it: the instance is removed already.  Returns when it is gone. */
void guard_free(Guard *guard);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Guard, guard_free)

#endif
