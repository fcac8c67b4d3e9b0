/*
 * qemu-trace-merge explain: why was the guest late?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/commands.h"

#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands/command-line.h"
#include "commands/confined.h"
#include "commands/input-options.h"
#include "commands/limit-options.h"
#include "commands/pager.h"
#include "explain/make-analysis.h"
#include "merge/timeline.h"
#include "output/analysis-json.h"
#include "output/explain-text.h"
#include "output/page.h"
#include "output/target.h"

/* Kept for each kind; more than are shown, as several make one spike. */
#define FINDINGS_PER_SHOWN 4

/* A page has room for more than a terminal. */
#define PAGE_FINDINGS 20
#define TEXT_FINDINGS 8

/* What is written. */
typedef enum ExplainFormat {
    EXPLAIN_TEXT,
    EXPLAIN_JSON,
    EXPLAIN_HTML,
} ExplainFormat;

/* What was asked for. */
typedef struct ExplainOptions {
    ExplainTextOptions text;
    gboolean subtract;
    ExplainFormat format;
    InputOptions *input;
    char **operands;
} ExplainOptions;

static unsigned n_shown(const ExplainOptions *options)
{
    unsigned least =
        options->format == EXPLAIN_HTML ? PAGE_FINDINGS : TEXT_FINDINGS;

    return MAX(options->text.n_shown, least);
}

/* What the page is about: the session, or the first file. */
static char *title_of(char **operands, GPtrArray *inputs)
{
    const TimelineInput *first = inputs->pdata[0];

    return g_path_get_basename(operands && operands[0] ? operands[0]
                                                       : first->dat->path);
}

static void write_analysis(const Analysis *analysis, GPtrArray *inputs,
                           const ExplainOptions *options, FILE *stream)
{
    g_autofree char *title = title_of(options->operands, inputs);
    const PageOptions page = {
        .title = title,
        .n_shown = n_shown(options),
        .n_lines = options->text.n_lines,
    };

    switch (options->format) {
    case EXPLAIN_JSON:
        analysis_json(analysis, stream);
        break;
    case EXPLAIN_HTML:
        page_write(analysis, inputs, &page, stream);
        break;
    default:
        explain_text_print(analysis, inputs, &options->text, stream);
    }
}

static bool run(const ConfinedOutput *output, gpointer data,
                G_GNUC_UNUSED int *status, GError **error)
{
    const ExplainOptions *options = data;
    const AnalysisOptions analysis_options = {
        .n_findings = n_shown(options) * FINDINGS_PER_SHOWN,
        .subtract_recorder = options->subtract,
    };
    g_autoptr(GPtrArray) inputs = input_options_read(options->input, error);
    g_autoptr(Analysis) analysis = NULL;

    if (!inputs) {
        return false;
    }
    analysis = analysis_make(inputs, &analysis_options);
    input_options_warn(inputs);
    write_analysis(analysis, inputs, options,
                   output_target_stream(output->target));
    return true;
}

static bool parse_format(const char *format, ExplainOptions *options,
                         GError **error)
{
    static const char *const names[] = {"text", "json", "html"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(format ? format : names[0], names[i]) == 0) {
            options->format = (ExplainFormat)i;
            return true;
        }
    }
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--format %s: use text, json or html", format);
    return false;
}

int cmd_explain(int argc, char **argv)
{
    gint n_shown = 5, n_lines = 12;
    gboolean no_statistics = FALSE, recorder = FALSE, subtract = FALSE;
    g_autofree char *format = NULL;
    g_autofree char *output = NULL;
    g_auto(GStrv) operands = NULL;
    const GOptionEntry entries[] = {
        {"number", 'N', 0, G_OPTION_ARG_INT, &n_shown,
         "Explain this many latencies, the largest first (default: 5)", "N"},
        {"lines", 0, 0, G_OPTION_ARG_INT, &n_lines,
         "Show so many lines of the timeline as proof of each (default: 12)",
         "N"},
        {"format", 0, 0, G_OPTION_ARG_STRING, &format,
         "Write text (the default), json, or html: a page to look at",
         "FORMAT"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
         "Write to this file, once it is complete", "FILE"},
        {"no-statistics", 0, 0, G_OPTION_ARG_NONE, &no_statistics,
         "Leave the statistics out", NULL},
        {"recorder", 0, 0, G_OPTION_ARG_NONE, &recorder,
         "Show the latencies of the recording's own tasks, too", NULL},
        {"subtract-recorder", 0, 0, G_OPTION_ARG_NONE, &subtract,
         "Take what the recording itself caused out of every latency", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &operands, NULL,
         "[[NAME=]DIR...]"},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(InputOptions) input_options = input_options_new();
    g_autoptr(Pager) pager = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    const OpenedFiles *files;
    LimitOptions limits = limit_options_new(LIMIT_READS);
    ExplainOptions options = {.input = input_options};
    ConfinedCommand command = {
        .name = "explain",
        .files = &files,
        .n_files = 1,
        .run = run,
        .data = &options,
    };

    g_option_context_set_summary(
        context, "Says why the guest was late: finds the largest latencies of "
                 "a recording and\naccounts for every nanosecond of them.");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_group(context, input_options_group(input_options));
    g_option_context_add_group(context, limit_options_group(&limits));
    if (!command_line_parse(context, &argc, argv, &error) ||
        !parse_format(format, &options, &error)) {
        return command_fail("explain", error);
    }
    if (limit_options_list(&limits)) {
        return 0;
    }
    if (!count_option_check("--number", n_shown, &error) ||
        !count_option_check("--lines", n_lines, &error)) {
        return command_fail("explain", error);
    }
    if (options.format == EXPLAIN_HTML && !output && isatty(STDOUT_FILENO)) {
        g_set_error_literal(&error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                            "format html is not for a terminal; name a file "
                            "with --output FILE");
        return command_fail("explain", error);
    }
    if (!input_options_open(input_options, operands, &limits.limits, &error)) {
        return command_fail("explain", error);
    }
    files = input_options_files(input_options);
    command.limits = limits.limits;
    options.subtract = subtract;
    options.operands = operands;
    options.text = (ExplainTextOptions){
        .n_shown = (unsigned)n_shown,
        .n_lines = (unsigned)n_lines,
        .statistics = !no_statistics,
        .recorder = recorder,
    };
    command.output = output;
    if (!output) {
        pager = pager_start();
        command.is_paged = pager != NULL;
    }
    return confined_command_run(&command);
}
