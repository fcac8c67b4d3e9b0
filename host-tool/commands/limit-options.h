/*
 * LimitOptions: how much a recording may cost whoever reads it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LIMIT_OPTIONS_H
#define LIMIT_OPTIONS_H

#include <glib.h>
#include <stdint.h>

/* Of the process that reads; 0: the default, which may depend on the files. */
typedef struct LimitOptions {
    uint64_t memory_bytes;
    uint64_t cpu_seconds;
    uint64_t output_bytes; /* of each file that is written */
} LimitOptions;

/* The group to add to a context; owns nothing. */
GOptionGroup *limit_options_group(LimitOptions *limits);

/* Puts the defaults for reading so many bytes where nothing was given. */
void limit_options_complete(LimitOptions *limits, uint64_t input_bytes);

#endif
