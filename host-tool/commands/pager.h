/*
 * Pager: long text on a terminal goes through less, as git's does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PAGER_H
#define PAGER_H

#include <glib.h>

typedef struct Pager Pager;

/*
 * If standard output is a terminal, starts the user's pager on it:
 * $QEMU_TRACE_MERGE_PAGER, else $PAGER, else less.  "cat" or an empty value
 * means none.  Where LESS is not set, less gets -FRX: it ends by itself if all
 * fits on one screen.  Returns NULL where there is none.
 *
 * It must be started before anything is printed, and before privileges are
 * dropped.
 */
Pager *pager_start(void);

/* Closes standard output and waits until the user has seen enough. */
void pager_end(Pager *pager);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pager, pager_end)

#endif
