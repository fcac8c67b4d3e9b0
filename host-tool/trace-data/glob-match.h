/*
 * GlobMatch: names that have * and ? in them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GLOB_MATCH_H
#define GLOB_MATCH_H

#include <stdbool.h>

/*
 * Does text match pattern?  Either may be any bytes: what is not UTF-8, which
 * g_pattern_match_simple() takes for granted, only matches itself.
 */
bool glob_match(const char *pattern, const char *text);

#endif
