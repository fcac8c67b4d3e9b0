/*
 * MergeBlock: the next few thousand events of a timeline, put in order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/merge-block.h"

#include <stdbool.h>
#include <string.h>

#define DIGIT_BITS 10
#define N_DIGITS   (1u << DIGIT_BITS)

/* Fewer items are put in order one by one. */
#define FEW_ITEMS 24

void merge_block_free(MergeBlock *block)
{
    g_free(block->items);
    g_free(block->scratch);
    *block = (MergeBlock){0};
}

void merge_block_reserve(MergeBlock *block, size_t n_items)
{
    if (block->max_items - block->n_items < n_items) {
        block->max_items = (block->n_items + n_items) * 2;
        block->items = g_renew(MergeItem, block->items, block->max_items);
        g_free(block->scratch);
        block->scratch = g_new(MergeItem, block->max_items);
    }
}

/* False when it had to move them too often, and gave up. */
static bool insert_each(MergeBlock *block, size_t max_moves)
{
    MergeItem *items = block->items;
    size_t n_moves = 0;

    for (size_t i = 1; i < block->n_items; i++) {
        MergeItem item = items[i];
        size_t at = i;

        for (; at > 0 && items[at - 1] > item; at--) {
            items[at] = items[at - 1];
        }
        items[at] = item;
        n_moves += i - at;
        if (n_moves > max_moves) {
            return false;
        }
    }
    return true;
}

/* How many items have each value of a digit. */
static void count_digit(const MergeBlock *block, unsigned shift,
                        uint32_t *counts)
{
    const MergeItem *items = block->items;

    for (size_t i = 0, n = block->n_items; i < n; i++) {
        counts[items[i] >> shift & (N_DIGITS - 1)]++;
    }
}

/* By one digit of the keys; what is equal in it keeps its order. */
static void sort_digit(MergeBlock *block, unsigned first_bit)
{
    unsigned shift = MERGE_KEY_BITS + first_bit;
    uint32_t places[N_DIGITS] = {0};
    MergeItem *items = block->items;
    MergeItem *sorted = block->scratch;
    uint32_t place = 0;

    count_digit(block, shift, places);
    for (unsigned digit = 0; digit < N_DIGITS; digit++) {
        uint32_t n = places[digit];

        places[digit] = place;
        place += n;
    }
    for (size_t i = 0, n = block->n_items; i < n; i++) {
        MergeItem item = items[i];

        sorted[places[item >> shift & (N_DIGITS - 1)]++] = item;
    }
    block->items = sorted;
    block->scratch = items;
}

static void sort_digits(MergeBlock *block, unsigned first_bit, unsigned n_bits)
{
    for (; first_bit < n_bits; first_bit += DIGIT_BITS) {
        sort_digit(block, first_bit);
    }
}

void merge_block_sort(MergeBlock *block, uint64_t last_key)
{
    unsigned n_bits =
        last_key ? 64 - (unsigned)__builtin_clzll((unsigned long long)last_key)
                 : 0;
    unsigned first_bit = n_bits > 2 * DIGIT_BITS ? n_bits - 2 * DIGIT_BITS : 0;

    if (block->n_items <= FEW_ITEMS) {
        insert_each(block, SIZE_MAX);
        return;
    }
    /* Two digits leave little to do, unless many keys are close together. */
    sort_digits(block, first_bit, n_bits);
    if (first_bit > 0 && !insert_each(block, block->n_items)) {
        sort_digits(block, 0, n_bits);
    }
}
