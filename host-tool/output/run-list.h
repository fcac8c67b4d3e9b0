/*
 * RunList: what a lane of the page shows, as runs of columns.
 *
 * Time is cut into columns of equal width; a column shows what took the most
 * of it.  With columns of one unit that is exact.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RUN_LIST_H
#define RUN_LIST_H

#include <glib.h>
#include <stdint.h>

/* Stands for "nothing known". */
#define RUN_ITEM_NONE 0u

typedef struct RunList RunList;

/*
 * Covers [from, to), in any unit of time, in columns of column units.  After
 * max_runs runs it ends early.
 */
RunList *run_list_new(uint64_t from, uint64_t to, uint64_t column,
                      guint max_runs);
void run_list_free(RunList *list);

/*
 * [from, to) shows this item.  Calls come in order; what lies before the last
 * one's end is left out, and what lies between is RUN_ITEM_NONE.
 */
void run_list_add(RunList *list, uint64_t from, uint64_t to, guint item);

/* No more comes; the rest shows RUN_ITEM_NONE. */
void run_list_end(RunList *list);

uint64_t run_list_from(const RunList *list);
/* Where it ends, early or not; after run_list_end(). */
uint64_t run_list_to(const RunList *list);
uint64_t run_list_column(const RunList *list);
/*
 * The runs: for each its length in columns and its item, as numbers of seven
 * bits a byte, the lowest first, bit 7 set on all but the last.
 */
const GByteArray *run_list_bytes(const RunList *list);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(RunList, run_list_free)

#endif
