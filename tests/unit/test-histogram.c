/*
 * Histogram: percentiles that are never below the truth, and close to it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <stdlib.h>

#include "explain/histogram.h"

#define N_VALUES 20000

static int by_value(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

    return one < other ? -1 : one > other;
}

static void check(const uint64_t *sorted, const Histogram *histogram,
                  double share)
{
    size_t index = (size_t)(share * N_VALUES + 0.9999999) - 1;
    uint64_t truth = sorted[index];
    uint64_t told = histogram_percentile(histogram, share);

    g_assert_cmpuint(told, >=, truth);
    g_assert_cmpuint(told - truth, <=, truth / 64 + 1);
}

static void test_percentiles(void)
{
    static const double shares[] = {0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    g_autofree uint64_t *values = g_new(uint64_t, N_VALUES);
    Histogram histogram = {0};

    for (int i = 0; i < N_VALUES; i++) {
        uint64_t wide =
            (uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();

        values[i] = wide >> g_test_rand_int_range(0, 64);
        histogram_add(&histogram, values[i]);
    }
    qsort(values, N_VALUES, sizeof(*values), by_value);
    for (size_t i = 0; i < G_N_ELEMENTS(shares); i++) {
        check(values, &histogram, shares[i]);
    }
    g_assert_cmpuint(histogram.min_ticks, ==, values[0]);
    g_assert_cmpuint(histogram.max_ticks, ==, values[N_VALUES - 1]);
    g_assert_cmpuint(histogram.count, ==, N_VALUES);
    histogram_clear(&histogram);
}

static void test_small(void)
{
    Histogram histogram = {0};

    g_assert_cmpuint(histogram_percentile(&histogram, 0.5), ==, 0);
    histogram_add(&histogram, 7);
    histogram_add(&histogram, 1000000007);
    g_assert_cmpuint(histogram_percentile(&histogram, 0.5), ==, 7);
    g_assert_cmpuint(histogram_percentile(&histogram, 0.99999), ==, 1000000007);
    histogram_clear(&histogram);
}

static void test_merge(void)
{
    Histogram all = {0}, part = {0};

    histogram_add(&part, 5);
    histogram_merge(&all, &part);
    histogram_merge(&all, &part);
    histogram_add(&part, 3);
    histogram_merge(&all, &part);
    g_assert_cmpuint(all.count, ==, 4);
    g_assert_cmpuint(all.sum_ticks, ==, 18);
    g_assert_cmpuint(all.min_ticks, ==, 3);
    histogram_clear(&all);
    histogram_clear(&part);
}

static void test_tells(void)
{
    static const struct {
        double share;
        uint64_t least;
    } shares[] = {
        {0.5, 2},      {0.9, 10},       {0.99, 100},
        {0.999, 1000}, {0.9999, 10000}, {0.99999, 100000},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(shares); i++) {
        g_assert_false(histogram_tells(0, shares[i].share));
        g_assert_false(histogram_tells(shares[i].least - 1, shares[i].share));
        g_assert_true(histogram_tells(shares[i].least, shares[i].share));
    }
}

static void test_buckets(void)
{
    uint64_t next = 0;

    for (unsigned i = 0; i < histogram_n_buckets(); i++) {
        const Histogram empty = {0};
        uint64_t from, to;

        g_assert_cmpuint(histogram_bucket(&empty, i, &from, &to), ==, 0);
        g_assert_cmpuint(from, ==, next);
        g_assert_cmpuint(to, >=, from);
        next = to + 1;
    }
    g_assert_cmpuint(next, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/histogram/percentiles", test_percentiles);
    g_test_add_func("/histogram/small", test_small);
    g_test_add_func("/histogram/merge", test_merge);
    g_test_add_func("/histogram/tells", test_tells);
    g_test_add_func("/histogram/buckets", test_buckets);
    return g_test_run();
}
