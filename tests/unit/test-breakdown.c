/*
 * Breakdown: parts that add up, whatever they are.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "explain/breakdown.h"

static unsigned sum_permille(const Breakdown *breakdown)
{
    unsigned sum = 0;

    for (guint i = 0; i < breakdown->parts->len; i++) {
        sum += g_array_index(breakdown->parts, BreakdownPart, i).permille;
    }
    return sum;
}

static void test_thirds(void)
{
    g_autoptr(Breakdown) breakdown = breakdown_new();

    breakdown_add(breakdown, cause_plain(CAUSE_EXIT), 1, 1);
    breakdown_add(breakdown, cause_plain(CAUSE_HALTED), 1, 1);
    breakdown_add(breakdown, cause_plain(CAUSE_UNKNOWN), 1, 1);
    breakdown_finish(breakdown);
    g_assert_cmpuint(sum_permille(breakdown), ==, 1000);
    g_assert_cmpuint(breakdown_unknown_ticks(breakdown), ==, 1);
}

static void test_order(void)
{
    g_autoptr(Breakdown) breakdown = breakdown_new();
    const BreakdownPart *parts;

    breakdown_add(breakdown, cause_plain(CAUSE_EXIT), 10, 20);
    breakdown_add(breakdown, cause_plain(CAUSE_HALTED), 30, 60);
    breakdown_add(breakdown, cause_plain(CAUSE_EXIT), 25, 50);
    breakdown_finish(breakdown);
    parts = (const BreakdownPart *)breakdown->parts->data;
    g_assert_cmpuint(breakdown->parts->len, ==, 2);
    g_assert_cmpint(cause_kind(parts[0].cause), ==, CAUSE_EXIT);
    g_assert_cmpuint(parts[0].ticks, ==, 35);
    g_assert_cmpuint(parts[0].ns, ==, 70);
    g_assert_cmpuint(parts[0].permille, ==, 538);
    g_assert_cmpuint(parts[1].permille, ==, 462);
}

static void test_adds_up(void)
{
    for (int round = 0; round < 500; round++) {
        g_autoptr(Breakdown) breakdown = breakdown_new();
        int n = g_test_rand_int_range(1, 600);
        uint64_t ticks = 0;

        for (int i = 0; i < n; i++) {
            uint64_t part = (uint64_t)g_test_rand_int_range(1, 1 << 30);

            breakdown_add(breakdown,
                          cause_make(CAUSE_PREEMPTED, 1, (uint32_t)i), part,
                          part);
            ticks += part;
        }
        breakdown_finish(breakdown);
        g_assert_cmpuint(breakdown->total_ticks, ==, ticks);
        g_assert_cmpuint(sum_permille(breakdown), ==, 1000);
        g_assert_cmpuint(breakdown->parts->len, <=, 257);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/breakdown/thirds", test_thirds);
    g_test_add_func("/breakdown/order", test_order);
    g_test_add_func("/breakdown/adds-up", test_adds_up);
    return g_test_run();
}
