/*
 * Screen: a terminal, or the pager in front of one, and what a process may
 * write there that isn't trusted.
 *
 * While it is there, standard output and standard error lead through a thread
 * of this process, which lets through what ScreenText does.  Streams that lead
 * elsewhere, to a file or into somebody's pipe, stay as they are and cost
 * nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SCREEN_H
#define SCREEN_H

#include <glib.h>
#include <stdbool.h>

typedef struct Screen Screen;

/*
 * is_paged: standard output is a pager's.  *screen is NULL where neither
 * stream needs one.  The calling thread's blocked signals are blocked in the
 * other, too.
 */
bool screen_start(bool is_paged, Screen **screen, GError **error);

/*
 * Puts both streams back once all has been shown that was written, by whomever.
 * A signal may end the program meanwhile.
 */
void screen_end(Screen *screen);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Screen, screen_end)

#endif
