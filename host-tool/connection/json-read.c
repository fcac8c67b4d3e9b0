/*
 * Checked access to the members of untrusted JSON.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/json-read.h"

#include <string.h>

#define MAX_DEPTH  32
#define MAX_VALUES 200000

json_object *json_read_text(const char *text)
{
    struct json_tokener *tokener;
    size_t n_values = 0;
    size_t length = 0;
    json_object *object;

    for (; text[length]; length++) {
        n_values += strchr(",[{", text[length]) != NULL;
    }
    if (n_values > MAX_VALUES || length > G_MAXINT) {
        return NULL;
    }
    tokener = json_tokener_new_ex(MAX_DEPTH);
    object = json_tokener_parse_ex(tokener, text, (int)length);
    json_tokener_free(tokener);
    if (!json_object_is_type(object, json_type_object)) {
        g_clear_pointer(&object, json_object_put);
    }
    return object;
}

json_object *json_read_member(json_object *object, const char *key,
                              json_type type)
{
    json_object *member = NULL;

    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, key, &member) ||
        !json_object_is_type(member, type)) {
        return NULL;
    }
    return member;
}

json_object *json_read_array(json_object *object, const char *key,
                             size_t max_length)
{
    json_object *array = json_read_member(object, key, json_type_array);

    if (array && json_object_array_length(array) > max_length) {
        return NULL;
    }
    return array;
}

gboolean json_read_int64(json_object *object, const char *key, int64_t min,
                         int64_t max, int64_t *value)
{
    json_object *member = json_read_member(object, key, json_type_int);
    int64_t found;

    if (!member) {
        return FALSE;
    }
    found = json_object_get_int64(member);
    /* json-c clamps what is above INT64_MAX: that is no int64. */
    if (found == INT64_MAX &&
        json_object_get_uint64(member) > (uint64_t)INT64_MAX) {
        return FALSE;
    }
    if (found < min || found > max) {
        return FALSE;
    }
    *value = found;
    return TRUE;
}

gboolean json_read_uint64(json_object *object, const char *key, uint64_t max,
                          uint64_t *value)
{
    json_object *member = json_read_member(object, key, json_type_int);
    uint64_t found;

    if (!member || json_object_get_int64(member) < 0) {
        return FALSE;
    }
    found = json_object_get_uint64(member);
    if (found > max) {
        return FALSE;
    }
    *value = found;
    return TRUE;
}

gboolean json_read_uint32(json_object *object, const char *key, uint32_t *value)
{
    uint64_t found;

    if (!json_read_uint64(object, key, UINT32_MAX, &found)) {
        return FALSE;
    }
    *value = found;
    return TRUE;
}

gboolean json_read_bool(json_object *object, const char *key, gboolean *value)
{
    json_object *member = json_read_member(object, key, json_type_boolean);

    if (!member) {
        return FALSE;
    }
    *value = json_object_get_boolean(member);
    return TRUE;
}

const char *json_read_string(json_object *object, const char *key,
                             size_t max_bytes)
{
    json_object *member = json_read_member(object, key, json_type_string);
    const char *text;
    size_t length;

    if (!member) {
        return NULL;
    }
    text = json_object_get_string(member);
    length = json_object_get_string_len(member);
    if (length > max_bytes || strlen(text) != length) {
        return NULL;
    }
    return text;
}

/* Some of what Unicode lets print breaks lines. */
static gboolean is_printable(gunichar c)
{
    GUnicodeType type = g_unichar_type(c);

    return g_unichar_isprint(c) && type != G_UNICODE_LINE_SEPARATOR &&
           type != G_UNICODE_PARAGRAPH_SEPARATOR;
}

char *json_printable(const char *text, size_t max_bytes)
{
    g_autofree char *cut = g_strndup(text, max_bytes);
    char *valid = g_utf8_make_valid(cut, -1);

    for (char *at = valid; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);

        if (c < 0x20 || c == 0x7f) {
            *at = c == '\n' || c == '\t' ? ' ' : '?';
        } else if (!is_printable(c)) {
            memset(at, '?', g_utf8_next_char(at) - at);
        }
    }
    return g_strstrip(valid);
}
