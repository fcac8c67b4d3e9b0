/*
 * LimitOptions: --limit NAME=VALUE, how much is accepted of whom.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LIMIT_OPTIONS_H
#define LIMIT_OPTIONS_H

#include <glib.h>
#include <stdbool.h>

#include "limits/limits.h"

typedef struct LimitOptions {
    LimitUse use; /* of the command */
    Limits limits;
    gboolean wants_list; /* "--limit help" was given */
} LimitOptions;

/* With the default limits. */
LimitOptions limit_options_new(LimitUse use);

/* The group to add to a context; owns nothing. */
GOptionGroup *limit_options_group(LimitOptions *options);

/* Prints the list where it is wanted; then the command is done. */
bool limit_options_list(const LimitOptions *options);

/* Puts what LIMIT_AUTO stands for when so many bytes are read. */
void limit_options_complete(Limits *limits, uint64_t input_bytes);

#endif
