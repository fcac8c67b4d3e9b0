/*
 * Reading members of a JSON object that somebody else wrote: each function
 * checks presence, type and range, and leaves the result alone otherwise.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef JSON_READ_H
#define JSON_READ_H

#include <glib.h>
#include <json-c/json.h>
#include <stdint.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, json_object_put)

/*
 * The object that text is, the caller's; NULL if it is none, or too deep, or
 * of more values than anybody has a reason to send.
 */
json_object *json_read_text(const char *text);

/* The member, borrowed, if object is an object and has it with that type. */
json_object *json_read_member(json_object *object, const char *key,
                              json_type type);

/* The array's or the object's member, borrowed; NULL if there is none. */
json_object *json_read_array(json_object *object, const char *key,
                             size_t max_length);

gboolean json_read_int64(json_object *object, const char *key, int64_t min,
                         int64_t max, int64_t *value);
gboolean json_read_uint64(json_object *object, const char *key, uint64_t max,
                          uint64_t *value);
gboolean json_read_uint32(json_object *object, const char *key,
                          uint32_t *value);
gboolean json_read_bool(json_object *object, const char *key, gboolean *value);

/* Borrowed; NULL if absent, too long or with a NUL inside. */
const char *json_read_string(json_object *object, const char *key,
                             size_t max_bytes);

/*
 * A copy of at most max_bytes of text from a guest or from QEMU that may be
 * shown on a terminal: control characters and broken UTF-8 become '?', the
 * ends are trimmed.
 */
char *json_printable(const char *text, size_t max_bytes);

#endif
