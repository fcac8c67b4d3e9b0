/*
 * TextOptions: how the merged timeline is written as lines, in `trace-cmd
 * report`'s layout.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TEXT_OUTPUT_H
#define TEXT_OUTPUT_H

#include <stdbool.h>

typedef struct TextOptions {
    bool full_ns; /* nanoseconds instead of microseconds */
    bool ts_diff; /* nanoseconds since the line before, in parentheses */
} TextOptions;

#endif
