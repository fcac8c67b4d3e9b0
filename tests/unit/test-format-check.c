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

static FormatCheck check(const char *text)
{
    size_t print;

    return format_check(text, strlen(text), &print);
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
        "\"%s\", !REC->value ? \"\" : __print_symbolic(REC->value, { })",
        "\"%llu\", (((u64)(REC)->value << 32) | ~REC->value)",
        "\"%c\", ((unsigned char)REC->comm[0])",
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
        "\"%d\", REC->",
        "\"%d\", REC->nothing",
        "\"%s\", __get_str(nothing)",
        "\"%d\", (REC->value",
        "\"%d\", REC->value)",
        "\"%s\", REC->value ? \"level\" : \"\"}, {1, \"x\"}",
        "\"%s\", {1, \"x\"}",
        "\"%s\", __print_flags({1, \"x\"})",
        "\"%d\", REC->value +",
        "\"%d\", REC->value REC->value",
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
    g_assert_cmpint(check_many("\"%d\", 1", "+1", FORMAT_MAX_OPERATORS - 1, ""),
                    ==, FORMAT_SOUND);
    g_assert_cmpint(check_many("\"%d\", 1", "+1", FORMAT_MAX_OPERATORS, ""), ==,
                    FORMAT_BAD_PRINT);
    g_assert_cmpint(check_many("\"%d\", ", "(", FORMAT_MAX_DEPTH, "1"), ==,
                    FORMAT_BAD_PRINT);
    g_assert_cmpint(check_many("\"", "x", FORMAT_MAX_BYTES, "\""), ==,
                    FORMAT_BAD);
    for (unsigned i = 0; i <= FORMAT_MAX_FIELDS; i++) {
        g_string_append(text, "\tfield:int x;\toffset:0;\tsize:4;\n");
    }
    g_string_append(text, "print fmt: \"\"\n");
    g_assert_cmpint(check(text->str), ==, FORMAT_BAD);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/format-check/sound", test_sound);
    g_test_add_func("/format-check/bad-print", test_bad_print);
    g_test_add_func("/format-check/bad-fields", test_bad_fields);
    g_test_add_func("/format-check/limits", test_limits);
    return g_test_run();
}
