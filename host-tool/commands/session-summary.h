/*
 * SessionSummary: what a recording has, for people, in a few lines.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SESSION_SUMMARY_H
#define SESSION_SUMMARY_H

#include <stdio.h>

#include "session/session-file.h"

void session_summary_print(const Session *session, const char *dir, FILE *to);

/* The same as one JSON object on a line, for programs. */
void session_summary_print_json(const Session *session, const char *dir,
                                FILE *to);

#endif
