/*
 * bench-explain: how fast an analysis is beside the merge alone, on the same
 * input, in turns.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "commands/input-options.h"
#include "explain/make-analysis.h"
#include "merge/timeline.h"

#define MAX_ROUNDS 99

static uint64_t merge(GPtrArray *inputs)
{
    g_autoptr(Timeline) timeline = timeline_new(inputs);
    TimelineEvent event;
    uint64_t n = 0;

    while (timeline_next(timeline, &event)) {
        n++;
    }
    return n;
}

static uint64_t explain(GPtrArray *inputs)
{
    g_autoptr(Analysis) analysis = analysis_make(inputs, NULL);

    return analysis->n_events;
}

static double timed(uint64_t (*what)(GPtrArray *), GPtrArray *inputs,
                    uint64_t *n)
{
    gint64 start_us = g_get_monotonic_time();

    *n = what(inputs);
    return (double)(g_get_monotonic_time() - start_us) / 1e6;
}

static int by_value(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;

    return one < other ? -1 : one > other;
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof(*values), by_value);
    return values[n / 2];
}

int main(int argc, char **argv)
{
    gint rounds = 5;
    g_auto(GStrv) operands = NULL;
    const GOptionEntry entries[] = {
        {"rounds", 0, 0, G_OPTION_ARG_INT, &rounds, "So many of each", "N"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &operands, NULL,
         "[DIR]"},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(InputOptions) options = input_options_new();
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GPtrArray) inputs = NULL;
    g_autoptr(GError) error = NULL;
    double merge_s[MAX_ROUNDS], explain_s[MAX_ROUNDS];
    struct rusage usage;
    uint64_t n = 0;

    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_group(context, input_options_group(options));
    if (!g_option_context_parse(context, &argc, &argv, &error) ||
        !input_options_open(options, operands, &limits_default, &error) ||
        !(inputs = input_options_read(options, &error))) {
        fprintf(stderr, "bench-explain: %s\n", error->message);
        return 1;
    }
    rounds = CLAMP(rounds, 1, MAX_ROUNDS);
    for (int i = 0; i < rounds; i++) {
        merge_s[i] = timed(merge, inputs, &n);
        explain_s[i] = timed(explain, inputs, &n);
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("%" G_GUINT64_FORMAT " events, medians of %d: merge %.3f s (%.1f "
           "ns/event), explain %.3f s (%.1f ns/event), ratio %.2f, peak "
           "memory %ld MiB\n",
           n, rounds, median(merge_s, rounds),
           median(merge_s, rounds) * 1e9 / (double)n, median(explain_s, rounds),
           median(explain_s, rounds) * 1e9 / (double)n,
           median(explain_s, rounds) / median(merge_s, rounds),
           usage.ru_maxrss / 1024);
    return 0;
}
