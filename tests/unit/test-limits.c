/*
 * Limits: how they are set and listed, and what is refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "limits/limits.h"

static void assert_set(Limits *limits, LimitUse use, const char *assignment)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(limits_set(limits, use, assignment, &error));
    g_assert_no_error(error);
}

/* One sentence, and nothing is changed. */
static void assert_refused(LimitUse use, const char *assignment,
                           const char *expected)
{
    g_autoptr(GError) error = NULL;
    Limits limits = limits_default;

    g_assert_false(limits_set(&limits, use, assignment, &error));
    g_assert_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE);
    g_assert_cmpstr(error->message, ==, expected);
    g_assert_cmpmem(&limits, sizeof(limits), &limits_default,
                    sizeof(limits_default));
}

static void test_set(void)
{
    Limits limits = limits_default;

    assert_set(&limits, LIMIT_READS, "memory=2G");
    g_assert_cmpuint(limits.memory_bytes, ==, UINT64_C(2) << 30);
    assert_set(&limits, LIMIT_MAKES, "cpus=4096");
    g_assert_cmpuint(limits.cpus, ==, 4096);
    assert_set(&limits, LIMIT_READS, "page-size=8k");
    g_assert_cmpuint(limits.page_bytes, ==, 8192);
    /* Those who record make files, too. */
    assert_set(&limits, LIMIT_RECORDS, "keep-free=0");
    g_assert_cmpuint(limits.keep_free_bytes, ==, 0);
    assert_set(&limits, LIMIT_RECORDS, "idle-time=5");
    g_assert_cmpuint(limits.idle_s, ==, 5);
    /* The last one wins. */
    assert_set(&limits, LIMIT_RECORDS, "idle-time=6");
    g_assert_cmpuint(limits.idle_s, ==, 6);
}

static void test_refused(void)
{
    assert_refused(LIMIT_READS, "cpus=4097",
                   "the limit cpus is a number from 1 to 4096, not '4097'");
    assert_refused(LIMIT_READS, "cpus=0",
                   "the limit cpus is a number from 1 to 4096, not '0'");
    assert_refused(LIMIT_READS, "cpus=1K",
                   "the limit cpus is a number from 1 to 4096, not '1K'");
    assert_refused(LIMIT_READS, "page-size=513K",
                   "the limit page-size is bytes from 4K to 512K, not '513K'");
    assert_refused(LIMIT_READS, "page-size=-1",
                   "the limit page-size is bytes from 4K to 512K, not '-1'");
    assert_refused(LIMIT_READS, "page-size=",
                   "the limit page-size is bytes from 4K to 512K, not ''");
    assert_refused(LIMIT_RECORDS, "idle-time=1",
                   "the limit idle-time is seconds from 2 to 86400, not '1'");
    assert_refused(LIMIT_READS, "growth=2",
                   "'growth=2' sets no limit of this command; '--limit "
                   "help' lists those that it has");
    assert_refused(LIMIT_MAKES, "idle-time=9",
                   "'idle-time=9' sets no limit of this command; '--limit "
                   "help' lists those that it has");
    assert_refused(LIMIT_READS, "=1",
                   "'=1' sets no limit of this command; '--limit help' lists "
                   "those that it has");
    assert_refused(LIMIT_READS, "cpu",
                   "'cpu' sets no limit of this command; '--limit help' lists "
                   "those that it has");
}

/* What is no number, or none that a machine can count to. */
static void check_absurd(LimitUse use, const char *name)
{
    static const char *const values[] = {
        "",
        "-1",
        "+1",
        " 1",
        "1 ",
        "0x10",
        "1.5",
        "1e3",
        "1KB",
        "1P",
        "K",
        "auto",
        "18446744073709551615",
        "9223372036854775808",
        "18446744073709551617",
        "16777216T",
        "99999999999999999999999999999999",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *assignment = g_strconcat(name, "=", values[i], NULL);
        g_autofree char *end = g_strdup_printf(", not '%s'", values[i]);
        g_autoptr(GError) error = NULL;
        Limits limits = limits_default;

        g_test_message("%s", assignment);
        g_assert_false(limits_set(&limits, use, assignment, &error));
        g_assert_true(g_str_has_prefix(error->message, "the limit "));
        g_assert_true(g_str_has_suffix(error->message, end));
        g_assert_cmpmem(&limits, sizeof(limits), &limits_default,
                        sizeof(limits_default));
    }
}

/* Each limit that is listed can be set to its default and to its bounds. */
static void check_line(LimitUse use, const char *line)
{
    g_autoptr(GRegex) blanks = g_regex_new(" +", 0, 0, NULL);
    g_auto(GStrv) words = g_regex_split(blanks, line, 0);
    g_auto(GStrv) bounds = g_strsplit(words[2], "-", 2);
    Limits limits = limits_default;

    g_test_message("%s", line);
    check_absurd(use, words[0]);
    for (char **value = bounds; *value; value++) {
        g_autofree char *assignment = g_strconcat(words[0], "=", *value, NULL);

        assert_set(&limits, use, assignment);
    }
    if (strcmp(words[1], "auto") != 0) {
        g_autofree char *assignment =
            g_strconcat(words[0], "=", words[1], NULL);

        assert_set(&limits, use, assignment);
        g_assert_cmpmem(&limits, sizeof(limits), &limits_default,
                        sizeof(limits_default));
    }
}

static void test_list(void)
{
    static const LimitUse uses[] = {LIMIT_RECORDS, LIMIT_MAKES, LIMIT_READS};
    guint n_lines = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(uses); i++) {
        g_autofree char *list = limits_list(uses[i]);
        g_auto(GStrv) lines = g_strsplit(list, "\n", -1);

        g_assert_true(g_str_has_prefix(lines[0], "NAME "));
        for (char **line = lines + 1; **line; line++) {
            check_line(uses[i], *line);
            n_lines++;
        }
    }
    g_assert_cmpuint(n_lines, >, 40);
}

static void test_bytes(void)
{
    static const char *const bad[] = {
        "", "x", "-1", "+1", " 1", "1KB", "1 K", "8388608T", "1.5G",
    };
    uint64_t bytes;

    g_assert_true(limits_parse_bytes("0", &bytes));
    g_assert_cmpuint(bytes, ==, 0);
    g_assert_true(limits_parse_bytes("3T", &bytes));
    g_assert_cmpuint(bytes, ==, UINT64_C(3) << 40);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("'%s'", bad[i]);
        g_assert_false(limits_parse_bytes(bad[i], &bytes));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/limits/set", test_set);
    g_test_add_func("/limits/refused", test_refused);
    g_test_add_func("/limits/list", test_list);
    g_test_add_func("/limits/bytes", test_bytes);
    return g_test_run();
}
