/*
 * qemu-trace-merge report: the merged timeline in one of several formats.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/commands.h"

#include <gio/gio.h>
#include <stdio.h>
#include <unistd.h>

#include "commands/command-line.h"
#include "commands/confined.h"
#include "commands/input-options.h"
#include "commands/limit-options.h"
#include "commands/pager.h"
#include "commands/select-options.h"
#include "commands/text-options.h"
#include "merge/timeline.h"
#include "output/output.h"
#include "output/target.h"
#include "session/session-certificate.h"
#include "session/session-file.h"

/* What was asked for. */
typedef struct ReportOptions {
    const OutputOps *ops;
    InputOptions *input;
    SelectOptions *select;
    TextOptions text;
    char **operands;
} ReportOptions;

/* Whether the format can go there. */
static bool check_output(const OutputOps *ops, const char *path, GError **error)
{
    if (ops->is_directory && !path) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "format %s is a directory; name it with --output DIR",
                    ops->name);
        return false;
    }
    if (ops->is_binary && !path && isatty(STDOUT_FILENO)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "format %s is not for a terminal; name a file with "
                    "--output FILE",
                    ops->name);
        return false;
    }
    return true;
}

/* All sessions stand on the first one's time line. */
static void find_wall_clock(OutputJob *job, const OpenedFiles *files,
                            char **operands)
{
    g_autoptr(Session) session =
        operands && operands[0] ? session_load_from(files, operands[0], NULL)
                                : NULL;

    job->has_wall_offset =
        session && session_wall_offset(session, &job->wall_offset_ns);
}

/* What the recordings proved of their clocks, beside what was printed. */
static void tell_certificates(const OpenedFiles *files, char **operands)
{
    for (char **dir = operands; dir && *dir; dir++) {
        g_autoptr(Session) session = session_load_from(files, *dir, NULL);
        g_autofree char *text =
            session ? session_certificate_text(session) : NULL;

        if (text) {
            fprintf(stderr, "%s\n", text);
        }
    }
}

static bool write_report(const ConfinedOutput *output,
                         const ReportOptions *options, GPtrArray *inputs,
                         GError **error)
{
    g_autoptr(Timeline) timeline = timeline_new(inputs);
    uint64_t n_events = 0;
    OutputJob job = {
        .inputs = inputs,
        .name = output_target_name(output->target),
        .stream = output_target_stream(output->target),
        .files = output->files,
        .text = options->text,
        .n_events = &n_events,
    };

    find_wall_clock(&job, input_options_files(options->input),
                    options->operands);
    if (!select_options_seek(options->select, inputs, timeline, error) ||
        !output_write(options->ops, &job, timeline, error) ||
        !output_target_flush(output->target, error)) {
        return false;
    }
    if (n_events == 0) {
        select_options_warn_empty(options->select, inputs, timeline);
    }
    return true;
}

static bool run(const ConfinedOutput *output, gpointer data,
                G_GNUC_UNUSED int *status, GError **error)
{
    const ReportOptions *options = data;
    g_autoptr(GPtrArray) inputs = input_options_read(options->input, error);

    if (!inputs || !select_options_apply(options->select, inputs, error) ||
        !write_report(output, options, inputs, error)) {
        return false;
    }
    input_options_warn(inputs);
    tell_certificates(input_options_files(options->input), options->operands);
    return true;
}

int cmd_report(int argc, char **argv)
{
    g_autofree char *format = NULL;
    g_autofree char *output = NULL;
    g_auto(GStrv) operands = NULL;
    const GOptionEntry entries[] = {
        {"format", 0, 0, G_OPTION_ARG_STRING, &format,
         "Write this format: text (the default), json, perfetto or ctf",
         "FORMAT"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
         "Write to this file, or directory, once it is complete", "FILE"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &operands, NULL,
         "[[NAME=]DIR...]"},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(InputOptions) input_options = input_options_new();
    g_autoptr(Pager) pager = NULL;
    g_autoptr(SelectOptions) select_options = select_options_new(input_options);
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    const OpenedFiles *files;
    LimitOptions limits = limit_options_new(LIMIT_READS);
    ReportOptions options = {.input = input_options, .select = select_options};
    ConfinedCommand command = {
        .name = "report",
        .files = &files,
        .n_files = 1,
        .run = run,
        .data = &options,
    };

    g_option_context_set_summary(
        context, "Prints the merged timeline of the sessions in DIR..., or of "
                 "files named with -i.");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_group(context, input_options_group(input_options));
    g_option_context_add_group(context, select_options_group(select_options));
    g_option_context_add_group(context, limit_options_group(&limits));
    g_option_context_add_group(context, text_options_group(&options.text));
    if (!command_line_parse(context, &argc, argv, &error)) {
        return command_fail("report", error);
    }
    if (limit_options_list(&limits)) {
        return 0;
    }
    if (g_strcmp0(output, "-") == 0) {
        g_clear_pointer(&output, g_free); /* as if it were not given */
    }
    options.ops = output_find(format ? format : "text", &error);
    options.operands = operands;
    if (!options.ops || !check_output(options.ops, output, &error) ||
        !input_options_open(input_options, operands, &limits.limits, &error)) {
        return command_fail("report", error);
    }
    files = input_options_files(input_options);
    command.limits = limits.limits;
    command.output = output;
    command.is_directory = options.ops->is_directory;
    if (!output && !options.ops->is_binary && !options.ops->is_directory) {
        pager = pager_start();
        command.is_paged = pager != NULL;
    }
    return confined_command_run(&command);
}
