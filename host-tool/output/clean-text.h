/*
 * CleanText: what machines recorded, fit for other programs' screens.
 *
 * As in the text report, a newline becomes \n and other control characters
 * \xNN, and so do bytes that are no UTF-8.  So the result is valid UTF-8,
 * without anything that steers a terminal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CLEAN_TEXT_H
#define CLEAN_TEXT_H

#include <glib.h>
#include <stdbool.h>

/* True when nothing needs to be replaced: the common case. */
bool clean_text_is_plain(const char *text, gsize length);

/* Appends the clean form. */
void clean_text_append(GString *to, const char *text, gsize length);

#endif
