/*
 * JsonLine: the text of one JSON object, built fast.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/json-line.h"

#include <stdbool.h>
#include <json-c/json_object.h>

/* Digits of 2^64 - 1. */
#define MAX_DIGITS 20

void json_line_uint(GString *line, uint64_t value)
{
    char digits[MAX_DIGITS];
    char *first = digits + MAX_DIGITS;

    do {
        *--first = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    json_line_raw(line, first, (gsize)(digits + MAX_DIGITS - first));
}

void json_line_int(GString *line, int64_t value)
{
    if (value < 0) {
        g_string_append_c(line, '-');
    }
    json_line_uint(line, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

static bool is_plain(const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\') {
            return false;
        }
    }
    return true;
}

static void append_unicode(GString *line, gunichar c)
{
    if (c >= 0x10000) {
        c -= 0x10000;
        g_string_append_printf(line, "\\u%04x", 0xd800 + (c >> 10));
        c = 0xdc00 + (c & 0x3ff);
    }
    g_string_append_printf(line, "\\u%04x", c);
}

void json_line_object(GString *line, struct json_object *object)
{
    const char *text = json_object_to_json_string_ext(
        object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

    for (const char *at = text; *at; at = g_utf8_next_char(at)) {
        if ((unsigned char)*at < 0x7f) {
            g_string_append_c(line, *at);
        } else {
            append_unicode(line, g_utf8_get_char(at));
        }
    }
    json_object_put(object);
}

static void append_escaped(GString *line, const char *text, gsize length)
{
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)length);

    json_line_object(line, json_object_new_string(valid));
}

void json_line_string(GString *line, const char *text, gsize length)
{
    if (is_plain(text, length)) {
        g_string_append_c(line, '"');
        json_line_raw(line, text, length);
        g_string_append_c(line, '"');
    } else {
        append_escaped(line, text, length);
    }
}

void json_line_hex(GString *line, const uint8_t *data, gsize length)
{
    static const char digits[] = "0123456789abcdef";

    g_string_append_c(line, '"');
    for (gsize i = 0; i < length; i++) {
        g_string_append_c(line, digits[data[i] >> 4]);
        g_string_append_c(line, digits[data[i] & 15]);
    }
    g_string_append_c(line, '"');
}
