/*
 * LiveDisplay: how a recording goes, while it goes: one line for each machine
 * on a terminal, or one JSON object a line for programs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LIVE_DISPLAY_H
#define LIVE_DISPLAY_H

#include <stdio.h>

#include "session/recording.h"

typedef struct LiveDisplay LiveDisplay;

typedef enum LiveKind {
    LIVE_NONE,
    LIVE_LINES, /* redrawn in place; only for a terminal */
    LIVE_JSON,
} LiveKind;

LiveDisplay *live_display_new(LiveKind kind, FILE *to);
/* Takes the lines away, so that other text can follow. */
void live_display_free(LiveDisplay *display);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LiveDisplay, live_display_free)

/* Of what recording_run() calls; data is the display. */
void live_display_update(const RecordingProgress *progress, gpointer data);

/* Prints a sentence in the display's way. */
void live_display_say(LiveDisplay *display, const char *sentence);

/* "12.3 MB", for people; the caller's. */
char *live_display_bytes(uint64_t bytes);

#endif
