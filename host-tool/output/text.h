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
    bool full_ns;  /* nanoseconds instead of microseconds */
    bool ts_diff;  /* nanoseconds since the line before, in parentheses */
    bool ts_check; /* warn where a time is before the line's before */
    bool raw_ts;   /* ticks as they were recorded */
    bool align_ts; /* the first event's time is 0 */
    bool latency;  /* a short name, and flags beside the CPU */
    bool no_flags; /* no column of flags, as trace-cmd up to 3.1 */
    bool raw;      /* each field's value instead of the event's text */
    bool color;    /* each machine in its own */
    /* Formatting threads; 0: one for each processor. */
    unsigned n_threads;
    /* Told of what ts_check finds; a sentence without the program's name. */
    void (*warn)(const char *message);
} TextOptions;

#endif
