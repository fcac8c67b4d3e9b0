/*
 * ScreenText: a filter between a process that isn't trusted and a terminal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/screen-text.h"

#include <stdbool.h>
#include <string.h>

/* In the widest sense of it. */
#define MAX_UTF8 6

typedef enum Fit {
    FIT_YES,   /* the first *size bytes may be shown */
    FIT_NO,    /* the first byte may not */
    FIT_MAYBE, /* that depends on what follows */
} Fit;

/* What a text report has most of, one after the other. */
static gsize plain_bytes(const char *bytes, gsize length)
{
    gsize n = 0;

    while (n < length && ((bytes[n] >= 0x20 && bytes[n] < 0x7f) ||
                          bytes[n] == '\n' || bytes[n] == '\t')) {
        n++;
    }
    return n;
}

/* "\033[0m", or one of the colours "\033[31m" to "\033[36m". */
static Fit look_at_color(const char *bytes, gsize length, gsize *size)
{
    static const char *const classes[2][5] = {
        {"\033", "[", "0", "m", NULL},
        {"\033", "[", "3", "123456", "m"},
    };
    bool is_begun = false;

    for (guint i = 0; i < G_N_ELEMENTS(classes); i++) {
        gsize n = 0;

        while (n < 5 && classes[i][n] && n < length && bytes[n] &&
               strchr(classes[i][n], bytes[n])) {
            n++;
        }
        if (n == 5 || !classes[i][n]) {
            *size = n;
            return FIT_YES;
        }
        is_begun = is_begun || n == length;
    }
    return is_begun ? FIT_MAYBE : FIT_NO;
}

static Fit look_at(const char *bytes, gsize length, gsize *size)
{
    gunichar c;

    if (bytes[0] == '\033') {
        return look_at_color(bytes, length, size);
    }
    c = g_utf8_get_char_validated(bytes, (gssize)length);
    /* Also said of a NUL, and of one inside. */
    if (c == (gunichar)-2) {
        return length < MAX_UTF8 && !memchr(bytes, '\0', length) ? FIT_MAYBE
                                                                 : FIT_NO;
    }
    /* There are control characters above 0x7f, too. */
    if (c == (gunichar)-1 || g_unichar_iscntrl(c)) {
        return FIT_NO;
    }
    *size = (gsize)(g_utf8_next_char(bytes) - bytes);
    return FIT_YES;
}

/* How much was dealt with: all, but for what may go on if this isn't the end.
 */
static gsize filter(const char *bytes, gsize length, bool is_end, GString *to)
{
    gsize done = 0;

    while (done < length) {
        gsize size = plain_bytes(bytes + done, length - done);
        Fit fit =
            size > 0 ? FIT_YES : look_at(bytes + done, length - done, &size);

        if (fit == FIT_MAYBE && !is_end) {
            break;
        }
        if (fit == FIT_YES) {
            g_string_append_len(to, bytes + done, (gssize)size);
        } else {
            size = 1;
            g_string_append_printf(to, "\\x%02x", (guchar)bytes[done]);
        }
        done += size;
    }
    return done;
}

void screen_text_filter(ScreenText *text, const char *bytes, gsize length,
                        GString *to)
{
    /* One at a time, until what was begun before has ended. */
    while (length > 0 && text->rest_bytes > 0) {
        gsize done;

        text->rest[text->rest_bytes++] = *bytes++;
        length--;
        done = filter(text->rest, text->rest_bytes, false, to);
        text->rest_bytes -= done;
        memmove(text->rest, text->rest + done, text->rest_bytes);
    }
    if (length > 0) {
        gsize done = filter(bytes, length, false, to);

        text->rest_bytes = length - done;
        memcpy(text->rest, bytes + done, text->rest_bytes);
    }
}

void screen_text_end(ScreenText *text, GString *to)
{
    filter(text->rest, text->rest_bytes, true, to);
    text->rest_bytes = 0;
}
