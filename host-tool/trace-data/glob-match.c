/*
 * GlobMatch: names that have * and ? in them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/glob-match.h"

#include <string.h>
#include <glib.h>

bool glob_match(const char *pattern, const char *text)
{
    if (!g_utf8_validate(pattern, -1, NULL) ||
        !g_utf8_validate(text, -1, NULL)) {
        return strcmp(pattern, text) == 0;
    }
    return g_pattern_match_simple(pattern, text);
}
