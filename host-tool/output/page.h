/*
 * Page: an analysis as one HTML file that needs nothing else.
 *
 * output/page/ holds what is the same on every page; the recording's part
 * follows as JSON.  Nothing on it asks the network, and its security policy
 * forbids it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PAGE_H
#define PAGE_H

#include <glib.h>
#include <stdio.h>

#include "explain/analysis.h"

typedef struct PageOptions {
    const char *title;
    unsigned n_shown; /* findings with a window and lines of their own */
    unsigned n_lines; /* of the timeline, for each */
} PageOptions;

/* Reads the inputs again.  Check stream's errors. */
void page_write(const Analysis *analysis, GPtrArray *inputs,
                const PageOptions *options, FILE *stream);

#endif
