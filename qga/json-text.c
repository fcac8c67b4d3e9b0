/*
 * JsonText: the little JSON that a program without a JSON library writes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "json-text.h"

void json_text_append_string(GString *json, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    g_string_append_c(json, '"');
    for (const char *at = valid; *at; at++) {
        if (*at == '"' || *at == '\\') {
            g_string_append_c(json, '\\');
            g_string_append_c(json, *at);
        } else if ((guchar)*at < 0x20 || *at == 0x7f) {
            g_string_append_printf(json, "\\u%04x", (guchar)*at);
        } else {
            g_string_append_c(json, *at);
        }
    }
    g_string_append_c(json, '"');
}
