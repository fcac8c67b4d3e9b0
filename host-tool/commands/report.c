/*
 * qemu-trace-merge report: the merged timeline as text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/commands.h"

#include <gio/gio.h>
#include <signal.h>
#include <stdio.h>

#include "commands/input-options.h"
#include "merge/timeline.h"
#include "output/text.h"

/* Big enough that a write costs nothing beside the formatting. */
#define STDOUT_BUFFER_BYTES (1u << 20)

static bool print_timeline(GPtrArray *inputs, const TextOptions *options,
                           GError **error)
{
    g_autoptr(Timeline) timeline = timeline_new(inputs);
    g_autoptr(TextOutput) output = text_output_new(stdout, inputs, options);
    TimelineEvent event;

    if (!text_output_begin(output, error)) {
        return false;
    }
    while (timeline_next(timeline, &event)) {
        if (!text_output_event(output, &event, error)) {
            return false;
        }
    }
    return text_output_end(output, error);
}

int cmd_report(int argc, char **argv)
{
    gboolean full_ns = FALSE, ts_diff = FALSE;
    g_auto(GStrv) operands = NULL;
    const GOptionEntry entries[] = {
        {"nanoseconds", 't', 0, G_OPTION_ARG_NONE, &full_ns,
         "Print times with nanoseconds", NULL},
        {"ts-diff", 0, 0, G_OPTION_ARG_NONE, &ts_diff,
         "Print the nanoseconds since the line before", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &operands, NULL,
         "[DIR]"},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(InputOptions) input_options = input_options_new();
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GPtrArray) inputs = NULL;
    g_autoptr(GError) error = NULL;
    TextOptions options;

    g_option_context_set_summary(
        context, "Prints the merged timeline of the session in DIR, or of "
                 "files named with -i.");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_group(context, input_options_group(input_options));
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        return command_fail("report", error);
    }
    inputs = input_options_open(input_options, operands, &error);
    if (!inputs) {
        return command_fail("report", error);
    }
    options = (TextOptions){.full_ns = full_ns, .ts_diff = ts_diff};
    /* A pager that quits has seen enough: end quietly. */
    signal(SIGPIPE, SIG_DFL);
    setvbuf(stdout, NULL, _IOFBF, STDOUT_BUFFER_BYTES);
    if (!print_timeline(inputs, &options, &error)) {
        return command_fail("report", error);
    }
    input_options_warn(inputs);
    return 0;
}
