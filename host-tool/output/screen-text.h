/*
 * ScreenText: what may reach a terminal of what a process wrote that may have
 * been taken over: lines of printable text, tabs, and the colours of a report.
 *
 * All else, and above all what steers a terminal, becomes \xNN byte by byte, as
 * in CleanText.  It comes in pieces that end anywhere.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SCREEN_TEXT_H
#define SCREEN_TEXT_H

#include <glib.h>

/* The longest that is kept until its rest has come. */
#define SCREEN_TEXT_MAX_REST 8

/* Begins as {0}. */
typedef struct ScreenText {
    char rest[SCREEN_TEXT_MAX_REST];
    gsize rest_bytes;
} ScreenText;

/* Appends what may be shown so far. */
void screen_text_filter(ScreenText *text, const char *bytes, gsize length,
                        GString *to);

/* The same for what was begun and has no rest. */
void screen_text_end(ScreenText *text, GString *to);

#endif
