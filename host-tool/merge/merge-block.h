/*
 * MergeBlock: the next few thousand events of a timeline, put in order.
 *
 * A tournament costs a match for each doubling of the lanes, each of which
 * waits for the one before, and jumps from lane to lane in memory.  A block of
 * small numbers, sorted by their digits, costs the same for two lanes as for
 * hundreds, and says ahead which lane is next.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MERGE_BLOCK_H
#define MERGE_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <glib.h>

/* key << 32 | lane; keys count from the block's first event on. */
typedef uint64_t MergeItem;

#define MERGE_KEY_BITS 32

static inline MergeItem merge_item(uint64_t key, uint32_t lane)
{
    return key << MERGE_KEY_BITS | lane;
}

static inline uint32_t merge_item_lane(MergeItem item)
{
    return (uint32_t)item;
}

/*
 * Filled run by run: each run's items ascend, and are all of one lane; the
 * runs' lanes ascend.
 */
typedef struct MergeBlock {
    MergeItem *items;
    size_t n_items;
    size_t max_items;
    MergeItem *scratch; /* as large */
    size_t n_runs;
    size_t second_run; /* where it begins, if there is one */
} MergeBlock;

void merge_block_free(MergeBlock *block);

static inline void merge_block_clear(MergeBlock *block)
{
    block->n_items = 0;
    block->n_runs = 0;
}

/*
 * Begins a run of n_items at most; the caller writes them from here on, and
 * adds to block->n_items as many as there are: at least one.
 */
MergeItem *merge_block_begin_run(MergeBlock *block, size_t n_items);

/* In ascending order; last_key is the largest key that there can be. */
void merge_block_sort(MergeBlock *block, uint64_t last_key);

#endif
