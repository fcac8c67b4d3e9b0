/*
 * qemu-trace-merge explain: why was the guest late?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/commands.h"

#include <errno.h>
#include <gio/gio.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "commands/input-options.h"
#include "explain/analysis.h"
#include "explain/sentence.h"
#include "merge/timeline.h"
#include "output/explain-text.h"

/* Kept for each kind; more than are shown, as several make one spike. */
#define FINDINGS_PER_SHOWN 4

static int run(GPtrArray *inputs, const ExplainTextOptions *text, bool subtract)
{
    const AnalysisOptions options = {
        .n_findings = MAX(text->n_shown, 8) * FINDINGS_PER_SHOWN,
        .subtract_recorder = subtract,
    };
    g_autoptr(Analysis) analysis = analysis_make(inputs, &options);
    g_autoptr(GError) error = NULL;

    input_options_warn(inputs);
    explain_text_print(analysis, inputs, text, stdout);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        g_set_error(&error, G_IO_ERROR, g_io_error_from_errno(errno),
                    "cannot write the explanation: %s", g_strerror(errno));
        return command_fail("explain", error);
    }
    return 0;
}

int cmd_explain(int argc, char **argv)
{
    gint n_shown = 5, n_lines = 12;
    gboolean no_statistics = FALSE, recorder = FALSE, subtract = FALSE;
    g_auto(GStrv) operands = NULL;
    const GOptionEntry entries[] = {
        {"number", 'N', 0, G_OPTION_ARG_INT, &n_shown,
         "Explain this many latencies, the largest first (default: 5)", "N"},
        {"lines", 0, 0, G_OPTION_ARG_INT, &n_lines,
         "Show so many lines of the timeline as proof of each (default: 12)",
         "N"},
        {"no-statistics", 0, 0, G_OPTION_ARG_NONE, &no_statistics,
         "Leave the statistics out", NULL},
        {"recorder", 0, 0, G_OPTION_ARG_NONE, &recorder,
         "Show the latencies of the recording's own tasks, too", NULL},
        {"subtract-recorder", 0, 0, G_OPTION_ARG_NONE, &subtract,
         "Take what the recording itself caused out of every latency", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &operands, NULL,
         "[DIR]"},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(InputOptions) input_options = input_options_new();
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GPtrArray) inputs = NULL;
    g_autoptr(GError) error = NULL;
    ExplainTextOptions text;

    g_option_context_set_summary(
        context, "Says why the guest was late: finds the largest latencies of "
                 "a recording and\naccounts for every nanosecond of them.");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_group(context, input_options_group(input_options));
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        return command_fail("explain", error);
    }
    inputs = input_options_open(input_options, operands, &error);
    if (!inputs) {
        return command_fail("explain", error);
    }
    text = (ExplainTextOptions){
        .n_shown = (unsigned)CLAMP(n_shown, 0, 1000),
        .n_lines = (unsigned)CLAMP(n_lines, 0, 10000),
        .statistics = !no_statistics,
        .recorder = recorder,
        .dir = operands ? operands[0] : NULL,
    };
    /* A pager that quits has seen enough: end quietly. */
    signal(SIGPIPE, SIG_DFL);
    return run(inputs, &text, subtract);
}
