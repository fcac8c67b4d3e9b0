/*
 * PageLanes: what the page's timeline shows: the tasks on each CPU of host and
 * guests, and each vCPU's states.
 *
 * The whole recording in columns, and exactly around what is explained: its
 * size does not depend on how much was recorded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PAGE_LANES_H
#define PAGE_LANES_H

#include <glib.h>

#include "explain/analysis.h"

typedef struct PageLanes PageLanes;

/* An interval to be shown exactly, in ticks of the analysis's line. */
typedef struct PageWindow {
    uint64_t from_ticks;
    uint64_t to_ticks;
} PageWindow;

/*
 * Reads the inputs that the analysis was made of once more.  windows: of
 * PageWindow.  All of it stays the caller's.
 */
PageLanes *page_lanes_collect(const Analysis *analysis, GPtrArray *inputs,
                              const GArray *windows);
void page_lanes_free(PageLanes *lanes);

/* Appends a JSON array of them; page.js knows its members. */
void page_lanes_json(const PageLanes *lanes, GString *json);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PageLanes, page_lanes_free)

#endif
