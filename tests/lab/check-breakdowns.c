/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check-breakdowns: do the parts of every interval of a recording add up?
 *
 * Not only those that `explain` keeps: each timer, wake-up, interrupt, exit
 * and mark of the whole session, to the tick and to the nanosecond.
 */
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>

#include "commands/input-options.h"
#include "explain/make-analysis.h"

typedef struct Count {
    uint64_t n_intervals;
    uint64_t n_wrong;
} Count;

static void check(const Finding *finding, void *data)
{
    Count *count = data;
    const GArray *parts = finding->breakdown->parts;
    uint64_t ticks = 0, ns = 0, cut_ticks = 0;

    for (guint i = 0; i < parts->len; i++) {
        ticks += g_array_index(parts, BreakdownPart, i).ticks;
        ns += g_array_index(parts, BreakdownPart, i).ns;
    }
    for (guint i = 0; i < finding->segments->len; i++) {
        const Segment *segment = &g_array_index(finding->segments, Segment, i);

        cut_ticks += segment->to_ticks - segment->from_ticks;
    }
    count->n_intervals++;
    if (ticks != finding_length_ticks(finding) ||
        ns != finding->breakdown->total_ns ||
        (finding->segments->len < FINDING_MAX_SEGMENTS && cut_ticks != ticks)) {
        printf("%s at tick %" PRIu64 ": %" PRIu64 " ticks long, the parts "
               "are %" PRIu64 ", the segments %" PRIu64 "\n",
               interval_kind_id(finding->kind), finding->start_ticks,
               finding_length_ticks(finding), ticks, cut_ticks);
        count->n_wrong++;
    }
}

int main(int argc, char **argv)
{
    Count count = {0};
    const AnalysisOptions analysis_options = {.on_interval = check,
                                              .data = &count};
    g_auto(GStrv) operands = NULL;
    const GOptionEntry entries[] = {
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &operands, NULL,
         "[DIR]"},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(InputOptions) options = input_options_new();
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GPtrArray) inputs = NULL;
    g_autoptr(Analysis) analysis = NULL;
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_group(context, input_options_group(options));
    if (!g_option_context_parse(context, &argc, &argv, &error) ||
        !input_options_open(options, operands, &limits_default, &error) ||
        !(inputs = input_options_read(options, &error))) {
        fprintf(stderr, "check-breakdowns: %s\n", error->message);
        return 1;
    }
    analysis = analysis_make(inputs, &analysis_options);
    printf("%" PRIu64 " intervals, the parts of %" PRIu64 " don't add up\n",
           count.n_intervals, count.n_wrong);
    return count.n_wrong > 0 || count.n_intervals == 0;
}
