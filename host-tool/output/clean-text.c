/*
 * CleanText: what machines recorded, fit for other programs' screens.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/clean-text.h"

bool clean_text_is_plain(const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c >= 0x7f) {
            return false;
        }
    }
    return true;
}

static void append_bytes(GString *to, const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        g_string_append_printf(to, "\\x%02x", (unsigned char)text[i]);
    }
}

void clean_text_append(GString *to, const char *text, gsize length)
{
    const char *end = text + length;

    if (clean_text_is_plain(text, length)) {
        g_string_append_len(to, text, (gssize)length);
        return;
    }
    while (text < end) {
        gunichar c = g_utf8_get_char_validated(text, end - text);
        gsize size;

        if (c == (gunichar)-1 || c == (gunichar)-2 || c == 0) {
            append_bytes(to, text++, 1);
            continue;
        }
        size = (gsize)(g_utf8_next_char(text) - text);
        if (c == '\n') {
            g_string_append(to, "\\n");
        } else if (g_unichar_iscntrl(c) && c != '\t') {
            append_bytes(to, text, size);
        } else {
            g_string_append_len(to, text, (gssize)size);
        }
        text += size;
    }
}
