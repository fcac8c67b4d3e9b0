/*
 * JsonLine: the text of one JSON object, built fast.
 *
 * Structure and numbers are appended as they are; strings go through json-c
 * unless they are plain, and leave as pure ASCII, so that nothing in them can
 * steer a terminal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef JSON_LINE_H
#define JSON_LINE_H

#include <glib.h>
#include <stdint.h>

/* Appends to a GString whatever JSON text is given. */
static inline void json_line_raw(GString *line, const char *text, gsize length)
{
    g_string_append_len(line, text, (gssize)length);
}

#define json_line_literal(line, text) \
    json_line_raw((line), (text), sizeof(text) - 1)

void json_line_uint(GString *line, uint64_t value);
void json_line_int(GString *line, int64_t value);

/*
 * A quoted string.  Bytes that are no UTF-8 become U+FFFD; control characters
 * and all that isn't ASCII are written as \uXXXX.
 */
void json_line_string(GString *line, const char *text, gsize length);

/* json-c's text of an object, as ASCII; takes over the object. */
struct json_object;
void json_line_object(GString *line, struct json_object *object);

/* A quoted string of two hexadecimal digits for each byte. */
void json_line_hex(GString *line, const uint8_t *data, gsize length);

#endif
