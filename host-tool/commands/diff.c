/*
 * qemu-trace-merge diff: what changed between two recordings, by cause.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/commands.h"

#include <gio/gio.h>
#include <stdio.h>

#include "commands/command-line.h"
#include "commands/confined.h"
#include "commands/input-options.h"
#include "commands/limit-options.h"
#include "explain/make-analysis.h"
#include "explain/comparison.h"
#include "explain/interval.h"
#include "explain/sentence.h"
#include "output/target.h"

/* Below this share of a second a change is not worth a line. */
#define MIN_CHANGE_NS_PER_S 1000.0

/* What was asked for: two of each. */
typedef struct DiffOptions {
    char **dirs;
    InputOptions *inputs[2];
    unsigned n_shown;
} DiffOptions;

static Analysis *analyse(const char *dir, InputOptions *input, GError **error)
{
    g_autoptr(GPtrArray) inputs = input_options_read(input, error);
    Analysis *analysis = NULL;

    if (inputs) {
        analysis = analysis_make(inputs, NULL);
        input_options_warn(inputs);
        if (analysis->scale.unit == TIMELINE_TICKS) {
            g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                        "%s: its ticks have no known length, so times can't "
                        "be compared",
                        dir);
            g_clear_pointer(&analysis, analysis_free);
        }
    }
    return analysis;
}

static void print_session(char letter, const char *dir,
                          const Analysis *analysis, FILE *stream)
{
    g_autofree char *length = duration_text(analysis, analysis->joint_ticks);

    fprintf(stream, "%c: %s, %s recorded on both sides, %u vCPU%s\n", letter,
            dir, length, analysis->vcpus->len,
            analysis->vcpus->len == 1 ? "" : "s");
}

/* What makes the comparison lame is said, as the numbers don't show it. */
static void print_sessions(char **dirs, const Analysis *a, const Analysis *b,
                           FILE *stream)
{
    print_session('A', dirs[0], a, stream);
    print_session('B', dirs[1], b, stream);
    if (a->vcpus->len != b->vcpus->len) {
        fprintf(stream, "What stands below is of all vCPUs together, of which "
                        "the two have different numbers.\n");
    }
    fputc('\n', stream);
}

static void print_p99(const ComparedSpread *spread, FILE *stream)
{
    if (histogram_tells(spread->count, 0.99)) {
        fprintf(stream, " %11.1f", (double)spread->p99_ns / 1e3);
    } else {
        fprintf(stream, " %11s", "-");
    }
}

static void print_max(const ComparedSpread *spread, FILE *stream)
{
    if (spread->count > 0) {
        fprintf(stream, " %11.1f", (double)spread->max_ns / 1e3);
    } else {
        fprintf(stream, " %11s", "-");
    }
}

static void print_times(const Comparison *comparison, FILE *stream)
{
    fprintf(stream, "%-28s %11s %11s %11s %11s %11s %11s\n", "", "A per s",
            "B per s", "A p99 us", "B p99 us", "A max us", "B max us");
    for (guint i = 0; i < comparison->times->len; i++) {
        const ComparedTimes *times =
            &g_array_index(comparison->times, ComparedTimes, i);

        fprintf(stream, "%-28s %11.1f %11.1f", times->text, times->a.per_s,
                times->b.per_s);
        print_p99(&times->a, stream);
        print_p99(&times->b, stream);
        print_max(&times->a, stream);
        print_max(&times->b, stream);
        fputc('\n', stream);
    }
}

static void print_causes(const Comparison *comparison, unsigned n_shown,
                         FILE *stream)
{
    fprintf(stream,
            "\nWhat made up the latencies, microseconds in each second "
            "(first cause of so many):\n%12s %12s %12s  %s\n",
            "A", "B", "change", "of: cause");
    for (guint i = 0; i < comparison->causes->len && i < n_shown; i++) {
        const ComparedCause *cause =
            &g_array_index(comparison->causes, ComparedCause, i);
        double change = cause->b.ns_per_s - cause->a.ns_per_s;

        if (change < MIN_CHANGE_NS_PER_S && change > -MIN_CHANGE_NS_PER_S) {
            break;
        }
        fprintf(stream,
                "%12.1f %12.1f %+12.1f  %s: %s (%" G_GUINT64_FORMAT
                " -> %" G_GUINT64_FORMAT ")\n",
                cause->a.ns_per_s / 1e3, cause->b.ns_per_s / 1e3, change / 1e3,
                interval_kind_text(cause->kind), cause->text, cause->a.n_first,
                cause->b.n_first);
    }
}

static bool run(const ConfinedOutput *output, gpointer data,
                G_GNUC_UNUSED int *status, GError **error)
{
    const DiffOptions *options = data;
    char **dirs = options->dirs;
    FILE *stream = output_target_stream(output->target);
    g_autoptr(Analysis) a = analyse(dirs[0], options->inputs[0], error);
    g_autoptr(Analysis) b =
        a ? analyse(dirs[1], options->inputs[1], error) : NULL;
    g_autoptr(Comparison) comparison = b ? comparison_make(a, b) : NULL;

    if (!comparison) {
        return false;
    }
    print_sessions(dirs, a, b, stream);
    print_times(comparison, stream);
    print_causes(comparison, options->n_shown, stream);
    return true;
}

static int compare(DiffOptions *options, const Limits *limits)
{
    g_autoptr(InputOptions) a = input_options_new();
    g_autoptr(InputOptions) b = input_options_new();
    char *first[] = {options->dirs[0], NULL};
    char *second[] = {options->dirs[1], NULL};
    g_autoptr(GError) error = NULL;
    const OpenedFiles *files[2];
    const ConfinedCommand command = {
        .name = "diff",
        .limits = *limits,
        .files = files,
        .n_files = G_N_ELEMENTS(files),
        .run = run,
        .data = options,
    };

    if (!input_options_open(a, first, limits, &error) ||
        !input_options_open(b, second, limits, &error)) {
        return command_fail("diff", error);
    }
    files[0] = input_options_files(a);
    files[1] = input_options_files(b);
    options->inputs[0] = a;
    options->inputs[1] = b;
    return confined_command_run(&command);
}

int cmd_diff(int argc, char **argv)
{
    gint n_shown = 20;
    g_auto(GStrv) operands = NULL;
    const GOptionEntry entries[] = {
        {"number", 'N', 0, G_OPTION_ARG_INT, &n_shown,
         "Show so many causes, the largest change first (default: 20)", "N"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &operands, NULL,
         "A B"},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    DiffOptions options = {0};
    LimitOptions limits = limit_options_new(LIMIT_READS);

    g_option_context_set_summary(
        context, "Compares the latencies of two sessions and what caused "
                 "them, per second of\nrecording.");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_group(context, limit_options_group(&limits));
    if (!command_line_parse(context, &argc, argv, &error)) {
        return command_fail("diff", error);
    }
    if (limit_options_list(&limits)) {
        return 0;
    }
    if (!count_option_check("--number", n_shown, &error)) {
        return command_fail("diff", error);
    }
    if (!operands || g_strv_length(operands) != 2) {
        g_set_error(&error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "name two session directories, the old one first");
        return command_fail("diff", error);
    }
    options.dirs = operands;
    options.n_shown = (unsigned)n_shown;
    return compare(&options, &limits.limits);
}
