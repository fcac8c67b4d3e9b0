/*
 * A trace.dat file of either version: opened, and all its events printed in
 * both ways and taken apart field by field, with all that explain makes of
 * them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "explain/make-analysis.h"
#include "fuzz-file.h"
#include "merge/certificate.h"
#include "merge/timeline.h"
#include "output/json-line.h"
#include "output/output.h"
#include "output/explain-text.h"

/* A small file may hold a great many events; the first ones tell the most. */
#define MAX_EVENTS 4000

static GPtrArray *open_inputs(const uint8_t *bytes, size_t size)
{
    g_autoptr(GPtrArray) inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);
    int fd = fuzz_file(bytes, size);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    TimelineInput *first =
        timeline_inputs_open(inputs, NULL, path, "file", NULL);

    g_assert_cmpint(close(fd), ==, 0);
    if (!first) {
        return NULL;
    }
    for (guint i = 0; i < inputs->len; i++) {
        timeline_input_use_time_shift(inputs->pdata[i]);
    }
    timeline_inputs_share_symbols(inputs);
    return g_steal_pointer(&inputs);
}

static bool is_short(GPtrArray *inputs)
{
    g_autoptr(Timeline) timeline = timeline_new(inputs);
    TimelineEvent event;
    unsigned n = 0;

    while (n < MAX_EVENTS && timeline_next(timeline, &event)) {
        n++;
    }
    return n < MAX_EVENTS;
}

static void write_as(GPtrArray *inputs, const char *format, FILE *stream)
{
    g_autoptr(Timeline) timeline = timeline_new(inputs);
    OutputJob job = {.inputs = inputs, .stream = stream, .name = "output"};

    output_write(output_find(format, NULL), &job, timeline, NULL);
}

static void write_explained(GPtrArray *inputs, FILE *stream)
{
    const AnalysisOptions options = {.n_findings = 8};
    const ExplainTextOptions text = {.n_shown = 5,
                                     .n_lines = 12,
                                     .statistics = true};
    g_autoptr(Analysis) analysis = analysis_make(inputs, &options);

    explain_text_print(analysis, inputs, &text, stream);
}

static bool keep_text(const char *text, size_t size,
                      G_GNUC_UNUSED gpointer data)
{
    return size == 0 || text != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static FILE *nowhere;
    g_autoptr(GPtrArray) inputs = open_inputs(bytes, size);
    const TimelineInput *first;

    if (!nowhere) {
        nowhere = fopen("/dev/null", "w");
        g_assert_nonnull(nowhere);
    }
    if (!inputs) {
        return 0;
    }
    first = inputs->pdata[0];
    if (first->dat->is_text) {
        dat_file_read_text(first->dat, keep_text, NULL);
    }
    if (is_short(inputs)) {
        write_as(inputs, "text", nowhere);
        write_as(inputs, "json", nowhere);
        write_as(inputs, "perfetto", nowhere);
        write_explained(inputs, nowhere);
    }
    return 0;
}
