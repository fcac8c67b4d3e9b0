/*
 * MergeBlock: the next few thousand events of a timeline, put in order.
 *
 * A tournament costs a match for each doubling of the lanes, each of which
 * waits for the one before, and jumps from lane to lane in memory.  A block of
 * small numbers, sorted by their digits, costs the same for two lanes as for
 * hundreds, and says ahead which event is next.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MERGE_BLOCK_H
#define MERGE_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <glib.h>

/* key << 32 | value; keys count from the block's first event on. */
typedef uint64_t MergeItem;

#define MERGE_KEY_BITS 32

static inline MergeItem merge_item(uint64_t key, uint32_t value)
{
    return key << MERGE_KEY_BITS | value;
}

static inline uint64_t merge_item_key(MergeItem item)
{
    return item >> MERGE_KEY_BITS;
}

static inline uint32_t merge_item_value(MergeItem item)
{
    return (uint32_t)item;
}

/* Filled in the order of the values. */
typedef struct MergeBlock {
    MergeItem *items;
    size_t n_items;
    size_t max_items;
    MergeItem *scratch; /* as large */
} MergeBlock;

void merge_block_free(MergeBlock *block);

static inline void merge_block_clear(MergeBlock *block)
{
    block->n_items = 0;
}

/* Makes room for n_items more, which the caller adds. */
void merge_block_reserve(MergeBlock *block, size_t n_items);

/* In ascending order; last_key is the largest key that there can be. */
void merge_block_sort(MergeBlock *block, uint64_t last_key);

#endif
