/*
 * An analysis as text: findings with their proof, and statistics.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef EXPLAIN_TEXT_H
#define EXPLAIN_TEXT_H

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>

#include "explain/analysis.h"

typedef struct ExplainTextOptions {
    unsigned n_shown; /* findings */
    unsigned n_lines; /* of the timeline, for each */
    bool statistics;
    bool recorder; /* the recorder's own latencies, too */
} ExplainTextOptions;

/* Reads the inputs again, around what it shows.  Check stream's errors. */
void explain_text_print(const Analysis *analysis, GPtrArray *inputs,
                        const ExplainTextOptions *options, FILE *stream);

/* The statistics alone. */
void statistics_text_print(const Analysis *analysis, FILE *stream);

#endif
