/*
 * JsonText: the little JSON that a program without a JSON library writes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <glib.h>

/*
 * Appends @text as a JSON string, quotes included.  What is not valid UTF-8
 * becomes U+FFFD; control characters are escaped.
 */
void json_text_append_string(GString *json, const char *text);

#endif
