/*
 * MergeBlock: the next few thousand events of a timeline, put in order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/merge-block.h"

#include <stdbool.h>
#include <string.h>

#define DIGIT_BITS 8
#define N_DIGITS   (1u << DIGIT_BITS)

/* Fewer items are put in order one by one. */
#define FEW_ITEMS 24

void merge_block_free(MergeBlock *block)
{
    g_free(block->items);
    g_free(block->scratch);
    *block = (MergeBlock){0};
}

MergeItem *merge_block_begin_run(MergeBlock *block, size_t n_items)
{
    if (block->max_items - block->n_items < n_items) {
        block->max_items = (block->n_items + n_items) * 2;
        block->items = g_renew(MergeItem, block->items, block->max_items);
        g_free(block->scratch);
        block->scratch = g_new(MergeItem, block->max_items);
    }
    if (block->n_runs++ == 1) {
        block->second_run = block->n_items;
    }
    return block->items + block->n_items;
}

static void swap_scratch(MergeBlock *block)
{
    MergeItem *items = block->items;

    block->items = block->scratch;
    block->scratch = items;
}

/* Nothing can predict which is next, so there is no branch for it. */
static void merge_two(MergeBlock *block)
{
    const MergeItem *a = block->items;
    const MergeItem *a_end = a + block->second_run;
    const MergeItem *b = a_end;
    const MergeItem *b_end = block->items + block->n_items;
    MergeItem *to = block->scratch;

    while (a < a_end && b < b_end) {
        bool is_b = *b < *a;

        *to++ = is_b ? *b : *a;
        a += !is_b;
        b += is_b;
    }
    memcpy(to, a, (size_t)(a_end - a) * sizeof(*a));
    to += a_end - a;
    memcpy(to, b, (size_t)(b_end - b) * sizeof(*b));
    swap_scratch(block);
}

static void insert_each(MergeBlock *block)
{
    MergeItem *items = block->items;

    for (size_t i = block->second_run; i < block->n_items; i++) {
        MergeItem item = items[i];
        size_t at = i;

        for (; at > 0 && items[at - 1] > item; at--) {
            items[at] = items[at - 1];
        }
        items[at] = item;
    }
}

/* By one digit; what is equal in it keeps its order. */
static void sort_digit(MergeBlock *block, unsigned shift)
{
    uint32_t places[N_DIGITS] = {0};
    uint32_t place = 0;

    for (size_t i = 0; i < block->n_items; i++) {
        places[block->items[i] >> shift & (N_DIGITS - 1)]++;
    }
    for (unsigned digit = 0; digit < N_DIGITS; digit++) {
        uint32_t n = places[digit];

        places[digit] = place;
        place += n;
    }
    for (size_t i = 0; i < block->n_items; i++) {
        MergeItem item = block->items[i];

        block->scratch[places[item >> shift & (N_DIGITS - 1)]++] = item;
    }
    swap_scratch(block);
}

void merge_block_sort(MergeBlock *block, uint64_t last_key)
{
    if (block->n_runs < 2) {
        return;
    }
    if (block->n_runs == 2) {
        merge_two(block);
    } else if (block->n_items <= FEW_ITEMS) {
        insert_each(block);
    } else {
        /* The lanes are in order already. */
        for (unsigned bits = 0; bits < MERGE_KEY_BITS && last_key >> bits;
             bits += DIGIT_BITS) {
            sort_digit(block, MERGE_KEY_BITS + bits);
        }
    }
}
