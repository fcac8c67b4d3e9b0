/*
 * RunList: each column shows what took the most of it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "output/run-list.h"

/* "3:1 2:0": runs of columns and items. */
static char *decode(const RunList *list)
{
    const GByteArray *bytes = run_list_bytes(list);
    GString *text = g_string_new(NULL);
    uint64_t numbers[2] = {0};
    unsigned shift = 0, n = 0;

    for (guint i = 0; i < bytes->len; i++) {
        numbers[n] |= (uint64_t)(bytes->data[i] & 0x7f) << shift;
        shift += 7;
        if (bytes->data[i] & 0x80) {
            continue;
        }
        if (n == 1) {
            g_string_append_printf(text,
                                   "%s%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT,
                                   text->len ? " " : "", numbers[0],
                                   numbers[1]);
            memset(numbers, 0, sizeof(numbers));
        }
        shift = 0;
        n = !n;
    }
    g_assert_cmpuint(n, ==, 0);
    return g_string_free(text, FALSE);
}

static void expect(RunList *list, const char *runs)
{
    g_autofree char *came = NULL;

    run_list_end(list);
    came = decode(list);
    g_assert_cmpstr(came, ==, runs);
}

static void test_exact(void)
{
    g_autoptr(RunList) list = run_list_new(100, 1000, 1, G_MAXUINT);

    run_list_add(list, 50, 150, 3);
    run_list_add(list, 150, 160, 4);
    run_list_add(list, 160, 170, 4);
    run_list_add(list, 200, 400, 200);
    run_list_add(list, 900, 5000, 1);
    expect(list, "50:3 20:4 30:0 200:200 500:0 100:1");
    g_assert_cmpuint(run_list_to(list), ==, 1000);
}

static void test_columns(void)
{
    g_autoptr(RunList) list = run_list_new(0, 45, 10, G_MAXUINT);

    run_list_add(list, 0, 4, 1);
    run_list_add(list, 4, 20, 2);
    run_list_add(list, 20, 21, 3);
    run_list_add(list, 21, 22, 4);
    run_list_add(list, 22, 23, 3);
    run_list_add(list, 23, 24, 5);
    run_list_add(list, 24, 25, 3);
    run_list_add(list, 25, 27, 4);
    run_list_add(list, 27, 30, 6);
    /* 3, 4 and 6 have 3 each: the first stays. */
    expect(list, "2:2 1:3 2:0");
}

/* However many share a column, what came early and long is found. */
static void test_crowd(void)
{
    g_autoptr(RunList) list = run_list_new(0, 1000, 1000, G_MAXUINT);

    run_list_add(list, 0, 50, 7);
    for (guint i = 0; i < 900; i++) {
        run_list_add(list, 50 + i, 51 + i, 10 + i);
    }
    expect(list, "1:7");
}

static void test_early_end(void)
{
    g_autoptr(RunList) list = run_list_new(0, 1000, 1, 3);

    for (guint i = 0; i < 100; i++) {
        run_list_add(list, 10 * i, 10 * (i + 1), 1 + i % 2);
    }
    run_list_end(list);
    g_assert_cmpuint(run_list_to(list), ==, 40);
}

/* Columns neither vanish nor are made up, whatever comes. */
static void test_total(void)
{
    for (int round = 0; round < 500; round++) {
        uint64_t to = (uint64_t)g_test_rand_int_range(1, 100000);
        uint64_t column = (uint64_t)g_test_rand_int_range(1, 300);
        g_autoptr(RunList) list = run_list_new(0, to, column, G_MAXUINT);
        g_autofree char *runs = NULL;
        g_auto(GStrv) words = NULL;
        uint64_t at = 0, sum = 0;

        while (at < to) {
            uint64_t from = at + (uint64_t)g_test_rand_int_range(0, 50);

            at = from + (uint64_t)g_test_rand_int_range(0, 400);
            run_list_add(list, from, at, (guint)g_test_rand_int_range(0, 20));
        }
        run_list_end(list);
        runs = decode(list);
        words = g_strsplit(runs, " ", -1);
        for (guint i = 0; words[i]; i++) {
            sum += g_ascii_strtoull(words[i], NULL, 10);
        }
        g_assert_cmpuint(sum, ==, (to + column - 1) / column);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/run-list/exact", test_exact);
    g_test_add_func("/run-list/columns", test_columns);
    g_test_add_func("/run-list/crowd", test_crowd);
    g_test_add_func("/run-list/early-end", test_early_end);
    g_test_add_func("/run-list/total", test_total);
    return g_test_run();
}
