/*
 * MergeBlock: the order is that of keys, and of lanes where keys are equal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "merge/merge-block.h"

#define MAX_LANES 300

static int compare(const void *a, const void *b)
{
    MergeItem one = *(const MergeItem *)a, other = *(const MergeItem *)b;

    return one < other ? -1 : one > other;
}

/* A run of n items of one lane, with keys up to last_key. */
static void add_run(MergeBlock *block, uint32_t lane, guint n,
                    uint64_t last_key)
{
    MergeItem *items;

    merge_block_reserve(block, n + 1);
    items = block->items + block->n_items;
    for (guint i = 0; i < n; i++) {
        uint64_t key = (uint64_t)g_test_rand_int() << 32 |
                       (uint64_t)(guint32)g_test_rand_int();

        items[i] = merge_item(key % (last_key + 1), lane);
    }
    qsort(items, n, sizeof(*items), compare);
    block->n_items += n;
}

/* Keys up to max_key, where they could go up to last_key. */
static void check(MergeBlock *block, guint n_lanes, guint run_items,
                  uint64_t max_key, uint64_t last_key)
{
    g_autofree MergeItem *expected = NULL;

    merge_block_clear(block);
    for (guint lane = 0; lane < n_lanes; lane++) {
        add_run(block, lane,
                (guint)g_test_rand_int_range(1, (gint32)run_items + 1),
                max_key);
    }
    expected = g_memdup2(block->items, block->n_items * sizeof(*expected));
    qsort(expected, block->n_items, sizeof(*expected), compare);
    merge_block_sort(block, last_key);
    g_assert_cmpmem(block->items, block->n_items * sizeof(*expected), expected,
                    block->n_items * sizeof(*expected));
}

static void test_order(void)
{
    static const uint64_t last_keys[] = {0,   1,      200,      255,
                                         256, 100000, 0xffffff, 0xffffffff};
    MergeBlock block = {0};

    for (guint n_lanes = 0; n_lanes <= MAX_LANES;
         n_lanes += n_lanes < 5 ? 1 : 59) {
        for (guint i = 0; i < G_N_ELEMENTS(last_keys); i++) {
            check(&block, n_lanes, 1, last_keys[i], last_keys[i]);
            check(&block, n_lanes, 5, last_keys[i], last_keys[i]);
            check(&block, n_lanes, 100, last_keys[i], last_keys[i]);
            /* All that happens comes together. */
            check(&block, n_lanes, 100, last_keys[i], UINT32_MAX);
        }
    }
    merge_block_free(&block);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/merge-block/order", test_order);
    return g_test_run();
}
