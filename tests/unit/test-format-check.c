/*
 * FormatCheck: which texts libtraceevent may be given.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "trace-data/format-check.h"

#define HEAD "name: sample\nID: 7\nformat:\n"
#define FIELDS                                                             \
    "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" \
    "\n"                                                                   \
    "\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n"             \
    "\tfield:__data_loc char[] name;\toffset:24;\tsize:4;\tsigned:0;\n"    \
    "\tfield:u64 value;\toffset:32;\tsize:8;\tsigned:0;\n\n"

static FormatCheck check_with(const Limits *limits, const char *text)
{
    size_t print;

    return format_check(text, strlen(text), limits, &print);
}

static FormatCheck check(const char *text)
{
    return check_with(&limits_default, text);
}

static FormatCheck check_print(const char *print)
{
    g_autofree char *text =
        g_strconcat(HEAD FIELDS "print fmt: ", print, "\n", NULL);

    return check(text);
}

static void test_sound(void)
{
    static const char *const prints[] = {
        "\"\"",
        "\"%s %d\" \" more\", REC->comm, (int)REC->value",
        "\"%s\", REC->value & 1 ? \"odd\" : \"even\"",
        "\"%s\", __get_str(name)",
        "\"%s\", __print_flags(REC->value, \"|\", {0x1UL, \"A\" \"B\"}, "
        "{ 2, \"C\" })",
        "\"%s\", __print_symbolic(REC->value, {1, \"A\"}, {-1, ((void *)0)})",
        "\"%s\", !REC->value ? \"\" : __print_symbolic(REC->value, { })",
        "\"%llu\", (((u64)(REC)->value << 32) | ~REC->value)",
        "\"%c\", ((unsigned char)REC->comm[0])",
        "\"%d\", REC->value / 1024 % 7",
        "\"100% of %-08.3llx\\\" %*\" \"\" \"pbl %.*s%\", 1, 2, 3, 4",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(prints); i++) {
        g_test_message("%s", prints[i]);
        g_assert_cmpint(check_print(prints[i]), ==, FORMAT_SOUND);
    }
}

static void test_bad_print(void)
{
    static const char *const prints[] = {
        "",
        "\"unclosed",
        "\"closed\" \"unclosed",
        "\"closed\" \"\\",
        "\"%d\", REC->",
        "\"%d\", REC->nothing",
        "\"%s\", __get_str(nothing)",
        "\"%d\", (REC->value",
        "\"%d\", REC->value)",
        "\"%s\", REC->value ? \"level\" : \"\"}, {1, \"x\"}",
        "\"%s\", {1, \"x\"}",
        "\"%s\", __print_flags({1, \"x\"})",
        "\"%s\", __print_flags(REC->value, \"|\", {1 | 1 / 0, \"A\"})",
        "\"%d\", 1 / (0000008)",
        "\"%d\", REC->value +",
        "\"%d\", REC->value REC->value",
        "\"%ll.x\", REC->value",
        "\"\\\"%l\" \"\" \"-d\", REC->value",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(prints); i++) {
        g_test_message("%s", prints[i]);
        g_assert_cmpint(check_print(prints[i]), ==, FORMAT_BAD_PRINT);
    }
}

static void test_bad_fields(void)
{
    g_assert_cmpint(check(""), ==, FORMAT_BAD);
    g_assert_cmpint(check("name: sample\n"), ==, FORMAT_BAD);
    g_assert_cmpint(check(HEAD "\tfield:u32 ;\toffset:0;\tsize:4;\n"
                               "print fmt: \"\"\n"),
                    ==, FORMAT_BAD);
    g_assert_cmpint(check(HEAD "\tfield:u32 a[2;\toffset:0;\tsize:4;\n"), ==,
                    FORMAT_BAD);
    g_assert_cmpint(check(HEAD "\tfield:u32 a;\toffset:-1;\tsize:4;\n"), ==,
                    FORMAT_BAD);
    g_assert_cmpint(check(HEAD "\tfield:u32 a;\toffset:9999999999;\t"
                               "size:4;\n"),
                    ==, FORMAT_BAD);
    g_assert_cmpint(check(HEAD "\tfield:__data_loc char[] a;\toffset:8;\t"
                               "size:2;\n"),
                    ==, FORMAT_BAD);
    g_assert_cmpint(check(HEAD "\tfield:u32 \x1b;\toffset:0;\tsize:4;\n"), ==,
                    FORMAT_BAD);
}

/* piece, so many times, between head and tail */
static FormatCheck check_many(const char *head, const char *piece,
                              unsigned count, const char *tail)
{
    g_autoptr(GString) print = g_string_new(head);

    for (unsigned i = 0; i < count; i++) {
        g_string_append(print, piece);
    }
    g_string_append(print, tail);
    return check_print(print->str);
}

static void test_limits(void)
{
    g_autoptr(GString) text = g_string_new(HEAD);

    g_assert_cmpint(check_many("\"%d\", ", "!", 100, "1"), ==, FORMAT_SOUND);
    g_assert_cmpint(check_many("\"%d\", 1", "+1",
                               (unsigned)limits_default.format_operators - 1,
                               ""),
                    ==, FORMAT_SOUND);
    g_assert_cmpint(check_many("\"%d\", 1", "+1",
                               (unsigned)limits_default.format_operators, ""),
                    ==, FORMAT_BAD_PRINT);
    g_assert_cmpint(check_many("\"%s\", __print_flags(1, \"|\"",
                               ", {1 << 2 | 3, \"A\"}",
                               (unsigned)limits_default.format_operators, ")"),
                    ==, FORMAT_SOUND);
    g_assert_cmpint(check_many("\"%d\", ", "(",
                               (unsigned)limits_default.format_depth, "1"),
                    ==, FORMAT_BAD_PRINT);
    g_assert_cmpint(check_many("\"", "x", (unsigned)limits_default.format_bytes,
                               "\""),
                    ==, FORMAT_BAD);
    for (unsigned i = 0; i <= limits_default.format_fields; i++) {
        g_string_append(text, "\tfield:int x;\toffset:0;\tsize:4;\n");
    }
    g_string_append(text, "print fmt: \"\"\n");
    g_assert_cmpint(check(text->str), ==, FORMAT_BAD);
}

/* What is at a limit that was set is sound, and what is above it isn't. */
static void test_set_limits(void)
{
    static const char text[] = HEAD FIELDS "print fmt: \"%d\", ((1+2)+3)\n";
    static const struct {
        size_t offset;
        uint64_t enough;
        FormatCheck below;
    } cases[] = {
        {offsetof(Limits, format_bytes), sizeof(text) - 1, FORMAT_BAD},
        {offsetof(Limits, format_fields), 4, FORMAT_BAD},
        {offsetof(Limits, format_depth), 3, FORMAT_BAD_PRINT},
        {offsetof(Limits, format_operators), 5, FORMAT_BAD_PRINT},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Limits limits = limits_default;
        uint64_t *limit = (uint64_t *)((char *)&limits + cases[i].offset);

        *limit = cases[i].enough;
        g_assert_cmpint(check_with(&limits, text), ==, FORMAT_SOUND);
        *limit = cases[i].enough - 1;
        g_assert_cmpint(check_with(&limits, text), ==, cases[i].below);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/format-check/sound", test_sound);
    g_test_add_func("/format-check/bad-print", test_bad_print);
    g_test_add_func("/format-check/bad-fields", test_bad_fields);
    g_test_add_func("/format-check/limits", test_limits);
    g_test_add_func("/format-check/set-limits", test_set_limits);
    return g_test_run();
}
