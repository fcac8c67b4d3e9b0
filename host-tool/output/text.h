/*
 * TextOutput: the merged timeline as lines, in `trace-cmd report`'s layout.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TEXT_OUTPUT_H
#define TEXT_OUTPUT_H

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>

#include "merge/timeline.h"

typedef struct TextOptions {
    bool full_ns; /* nanoseconds instead of microseconds */
    bool ts_diff; /* nanoseconds since the line before, in parentheses */
} TextOptions;

typedef struct TextOutput TextOutput;

/* stream and inputs stay the caller's; labels are shown if there are many. */
TextOutput *text_output_new(FILE *stream, GPtrArray *inputs,
                            const TextOptions *options);
void text_output_free(TextOutput *output);

/* The lines that come before the first event: each file's number of CPUs. */
bool text_output_begin(TextOutput *output, GError **error);
/* False when the stream does not take it. */
bool text_output_event(TextOutput *output, const TimelineEvent *event,
                       GError **error);
bool text_output_end(TextOutput *output, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TextOutput, text_output_free)

#endif
