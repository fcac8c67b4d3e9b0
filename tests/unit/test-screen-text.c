/*
 * ScreenText: whatever comes, and in whatever pieces, no terminal is steered.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "output/screen-text.h"

/* In pieces of so many bytes. */
static char *filter(const char *bytes, gsize length, gsize piece)
{
    ScreenText text = {0};
    GString *to = g_string_new(NULL);

    for (gsize at = 0; at < length; at += piece) {
        screen_text_filter(&text, bytes + at, MIN(piece, length - at), to);
    }
    screen_text_end(&text, to);
    return g_string_free(to, FALSE);
}

static void expect(const char *bytes, gsize length, const char *expected)
{
    for (gsize piece = 1; piece <= length; piece++) {
        g_autofree char *shown = filter(bytes, length, piece);

        g_assert_cmpstr(shown, ==, expected);
    }
}

#define EXPECT(bytes, expected) expect(bytes, sizeof(bytes) - 1, expected)

static void test_shown(void)
{
    EXPECT("a line\n\tand another\n", "a line\n\tand another\n");
    EXPECT("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\xa7",
           "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\xa7");
    EXPECT("\033[36mvm1:\033[0m x\033[31m!\033[0m",
           "\033[36mvm1:\033[0m x\033[31m!\033[0m");
}

static void test_escaped(void)
{
    EXPECT("\033]0;a title\007", "\\x1b]0;a title\\x07");
    EXPECT("\033[2J\033[H", "\\x1b[2J\\x1b[H");
    EXPECT("\033[8mhidden", "\\x1b[8mhidden");
    EXPECT("\033[31;1m", "\\x1b[31;1m");
    EXPECT("\033[30m", "\\x1b[30m");
    EXPECT("\033[3\033[31m", "\\x1b[3\033[31m");
    EXPECT("over\rwritten\b\x7f", "over\\x0dwritten\\x08\\x7f");
    /* CSI as one character, which some terminals obey. */
    EXPECT("\xc2\x9b"
           "2J",
           "\\xc2\\x9b2J");
    EXPECT("\x9b"
           "2J",
           "\\x9b2J");
    EXPECT("a\0b", "a\\x00b");
    EXPECT("\xe2\0\0\0\0\0\0\0\0\0x",
           "\\xe2\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00x");
    /* Too long a form of ESC, half a character, a surrogate. */
    EXPECT("\xc0\x9b", "\\xc0\\x9b");
    EXPECT("\xe2\x82x", "\\xe2\\x82x");
    EXPECT("\xed\xa0\x80", "\\xed\\xa0\\x80");
}

static void test_unfinished(void)
{
    EXPECT("x\033", "x\\x1b");
    EXPECT("x\033[3", "x\\x1b[3");
    EXPECT("x\xf0\x9f\x90", "x\\xf0\\x9f\\x90");
}

static gboolean is_harmless(const char *text)
{
    static const char *const colors[] = {"\033[0m",  "\033[31m", "\033[32m",
                                         "\033[33m", "\033[34m", "\033[35m",
                                         "\033[36m"};

    if (!g_utf8_validate(text, -1, NULL)) {
        return FALSE;
    }
    while (*text) {
        gunichar c = g_utf8_get_char(text);
        gsize n = 0;

        for (guint i = 0; i < G_N_ELEMENTS(colors); i++) {
            n = g_str_has_prefix(text, colors[i]) ? strlen(colors[i]) : n;
        }
        if (n == 0 && c != '\n' && c != '\t' && g_unichar_iscntrl(c)) {
            return FALSE;
        }
        text = n ? text + n : g_utf8_next_char(text);
    }
    return TRUE;
}

/* Of bytes that make up much of what matters. */
static void test_random(void)
{
    static const char letters[] = "\0\033\033[[0369mm;1x\n\xc2\x9b\xe2\x82\xac";

    for (int n = 0; n < 20000; n++) {
        char bytes[24];
        g_autofree char *whole = NULL;
        g_autofree char *pieces = NULL;

        for (gsize i = 0; i < sizeof(bytes); i++) {
            bytes[i] = letters[g_test_rand_int_range(0, sizeof(letters) - 1)];
        }
        whole = filter(bytes, sizeof(bytes), sizeof(bytes));
        pieces = filter(bytes, sizeof(bytes),
                        (gsize)g_test_rand_int_range(1, sizeof(bytes)));
        g_assert_cmpstr(whole, ==, pieces);
        g_assert_true(is_harmless(whole));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/screen-text/shown", test_shown);
    g_test_add_func("/screen-text/escaped", test_escaped);
    g_test_add_func("/screen-text/unfinished", test_unfinished);
    g_test_add_func("/screen-text/random", test_random);
    return g_test_run();
}
