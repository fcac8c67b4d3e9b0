/*
 * qemu-trace-merge report: the merged timeline in one of several formats.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/commands.h"

#include <gio/gio.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "commands/input-options.h"
#include "commands/pager.h"
#include "commands/select-options.h"
#include "commands/text-options.h"
#include "merge/timeline.h"
#include "output/output.h"
#include "output/target.h"
#include "session/session-certificate.h"
#include "session/session-file.h"

/* The signal that ends the report before its file is complete, or 0. */
static volatile sig_atomic_t stop_signal;

static void on_stop(int signal_number)
{
    stop_signal = signal_number;
}

/* Those that a user, or the end of a session, ends the program with. */
static const int stop_signals[] = {SIGHUP, SIGINT, SIGTERM};

static void catch_stops(void)
{
    const struct sigaction action = {.sa_handler = on_stop};

    for (size_t i = 0; i < G_N_ELEMENTS(stop_signals); i++) {
        sigaction(stop_signals[i], &action, NULL);
    }
}

static OutputTarget *open_target(const OutputOps *ops, const char *path,
                                 GError **error)
{
    if (ops->is_directory && !path) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "format %s is a directory; name it with --output DIR",
                    ops->name);
        return NULL;
    }
    if (ops->is_binary && !path && isatty(STDOUT_FILENO)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                    "format %s is not for a terminal; name a file with "
                    "--output FILE",
                    ops->name);
        return NULL;
    }
    return ops->is_directory ? output_target_directory(path, error)
                             : output_target_file(path, error);
}

/*
 * Where a killed program would leave something, a signal only ends the loop,
 * from the moment on in which there is something.
 */
static OutputTarget *open_guarded(const OutputOps *ops, const char *path,
                                  OutputJob *job, GError **error)
{
    OutputTarget *target;
    sigset_t stops, before;

    sigemptyset(&stops);
    /* Opening a pipe may take for ever; directories are made at once. */
    for (size_t i = 0; ops->is_directory && i < G_N_ELEMENTS(stop_signals);
         i++) {
        sigaddset(&stops, stop_signals[i]);
    }
    sigprocmask(SIG_BLOCK, &stops, &before);
    target = open_target(ops, path, error);
    if (target && output_target_needs_cleanup(target)) {
        job->stop = &stop_signal;
        catch_stops();
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return target;
}

static bool write_report(const OutputOps *ops, const char *path, OutputJob *job,
                         const SelectOptions *select_options, GError **error)
{
    g_autoptr(Timeline) timeline = timeline_new(job->inputs);
    g_autoptr(OutputTarget) target = NULL;

    if (!select_options_seek(select_options, job->inputs, timeline, error)) {
        return false;
    }
    target = open_guarded(ops, path, job, error);
    if (!target) {
        return false;
    }
    if (!path) {
        /* A pager that quits has seen enough: end quietly. */
        signal(SIGPIPE, SIG_DFL);
    }
    job->name = output_target_name(target);
    job->stream = output_target_stream(target);
    job->dir_fd = output_target_dir_fd(target);
    return output_write(ops, job, timeline, error) &&
           output_target_finish(target, error);
}

/* Ends as the signal would have ended us. */
static void end_by_signal(void)
{
    if (stop_signal) {
        signal(stop_signal, SIG_DFL);
        raise(stop_signal);
    }
}

/* All sessions stand on the first one's time line. */
static void find_wall_clock(OutputJob *job, char **operands)
{
    g_autoptr(Session) session =
        operands && operands[0] ? session_load(operands[0], NULL) : NULL;

    job->has_wall_offset =
        session && session_wall_offset(session, &job->wall_offset_ns);
}

/* What the recordings proved of their clocks, beside what was printed. */
static void tell_certificates(char **operands)
{
    for (char **dir = operands; dir && *dir; dir++) {
        g_autoptr(Session) session = session_load(*dir, NULL);
        g_autofree char *text =
            session ? session_certificate_text(session) : NULL;

        if (text) {
            fprintf(stderr, "%s\n", text);
        }
    }
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
    g_autoptr(GPtrArray) inputs = NULL;
    g_autoptr(GError) error = NULL;
    const OutputOps *ops;
    OutputJob job = {0};

    g_option_context_set_summary(
        context, "Prints the merged timeline of the sessions in DIR..., or of "
                 "files named with -i.");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_group(context, input_options_group(input_options));
    g_option_context_add_group(context, select_options_group(select_options));
    g_option_context_add_group(context, text_options_group(&job.text));
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        return command_fail("report", error);
    }
    if (g_strcmp0(output, "-") == 0) {
        g_clear_pointer(&output, g_free); /* as if it were not given */
    }
    ops = output_find(format ? format : "text", &error);
    inputs = ops ? input_options_open(input_options, operands, &error) : NULL;
    if (!inputs || !select_options_apply(select_options, inputs, &error)) {
        return command_fail("report", error);
    }
    job.inputs = inputs;
    find_wall_clock(&job, operands);
    if (!output && !ops->is_binary && !ops->is_directory) {
        pager = pager_start();
    }
    if (!write_report(ops, output, &job, select_options, &error)) {
        int status = command_fail("report", error);

        end_by_signal();
        return status;
    }
    input_options_warn(inputs);
    tell_certificates(operands);
    return 0;
}
