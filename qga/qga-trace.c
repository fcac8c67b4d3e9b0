/*
 * qga-trace: records a guest's kernel events for the host.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"
#include "options.h"
#include "recording.h"
#include "trace-error.h"

#ifndef PROJECT_VERSION
#define PROJECT_VERSION "unknown"
#endif

#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND      127

/* The signals that end a recording, as a descriptor; they stay blocked. */
static int open_stop_signals(GError **error)
{
    sigset_t signals;
    int fd;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        trace_throw(error, "cannot watch for signals: %s", g_strerror(errno));
    }
    return fd;
}

static char *missing_events_text(const Options *options,
                                 const Recording *recording)
{
    const char *const *missing = recording_missing_events(recording);
    g_autofree char *names = NULL;

    if (!options->is_verbose || !missing[0]) {
        return NULL;
    }
    names = g_strjoinv(", ", (char **)missing);
    return g_strdup_printf("this kernel lacks %s: recording without", names);
}

/* start */

typedef struct StartContext {
    const Options *options;
    DaemonReport *report;
} StartContext;

static bool report_recording(Recording *recording, gpointer data,
                             GError **error)
{
    StartContext *context = data;
    g_autofree char *json = state_to_json(recording_state(recording));
    g_autofree char *warnings =
        missing_events_text(context->options, recording);

    return daemon_report_started(context->report, warnings, json, error);
}

static bool run_in_background(DaemonReport *report, gpointer data,
                              GError **error)
{
    StartContext context = {.options = data, .report = report};
    g_autoptr(Recording) recording = NULL;
    int stop_fd = open_stop_signals(error);

    if (stop_fd < 0) {
        return false;
    }
    recording = recording_new(context.options, stop_fd, error);
    if (!recording || chdir("/") < 0) {
        return false;
    }
    return recording_run(recording, report_recording, &context, error);
}

static bool command_start(Options *options, GError **error)
{
    g_autofree char *warnings = NULL;
    g_autofree char *json =
        daemon_spawn(run_in_background, options, &warnings, error);

    if (warnings) {
        fprintf(stderr, "qga-trace: %s\n", warnings);
    }
    if (!json) {
        return false;
    }
    fputs(json, stdout);
    return true;
}

/* stop and status */

static bool print_state(State *state)
{
    g_autofree char *json = NULL;

    if (!state) {
        return false;
    }
    json = state_to_json(state);
    fputs(json, stdout);
    state_free(state);
    return true;
}

/* record */

typedef struct RecordContext {
    const Options *options;
    pid_t child; /* 0: none */
} RecordContext;

static G_GNUC_NORETURN void exec_command(char **command)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    execvp(command[0], command);
    fprintf(stderr, "qga-trace: cannot run %s: %s\n", command[0],
            g_strerror(errno));
    _exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

static bool spawn_command(Recording *recording, gpointer data, GError **error)
{
    RecordContext *context = data;
    g_autofree char *warnings =
        missing_events_text(context->options, recording);

    if (warnings) {
        fprintf(stderr, "qga-trace: %s\n", warnings);
    }
    if (!context->options->run) {
        return true;
    }
    context->child = fork();
    if (context->child == 0) {
        exec_command(context->options->run);
    }
    if (context->child < 0) {
        context->child = 0;
        return trace_throw(error, "cannot fork: %s", g_strerror(errno));
    }
    recording_set_command(recording, context->child);
    return true;
}

static void print_losses(const Options *options, const State *state)
{
    guint64 lost = 0;

    /* A flight recorder is there to keep the latest only. */
    if (options->is_snapshot) {
        return;
    }

    for (guint i = 0; i < state->cpus->len; i++) {
        const TraceCpuStats *cpu =
            &g_array_index(state->cpus, TraceCpuStats, i);

        lost += cpu->overrun_events + cpu->commit_overrun_events +
                cpu->dropped_events + cpu->unread_events;
    }
    if (lost > 0) {
        fprintf(stderr,
                "qga-trace: %" G_GUINT64_FORMAT " events were lost: "
                "qga-trace status tells on which CPU; try a larger "
                "--buffer-size\n",
                lost);
    }
}

static void print_end(const Options *options, Recording *recording)
{
    const char *reason = recording_end_reason(recording);
    g_autofree char *session = recording_wait_stored(recording);

    if (reason) {
        fprintf(stderr, "qga-trace: the recording was ended: %s\n", reason);
    }
    if (session) {
        fprintf(stderr, "qga-trace: the host keeps the recording as %s\n",
                session);
    }
    print_losses(options, recording_state(recording));
}

/* What ended us ends the command too; then its status is ours. */
static int wait_for_command(pid_t child, int signal_number, int stop_fd)
{
    struct signalfd_siginfo info;
    int status;

    if (signal_number != 0) {
        kill(child, signal_number);
    }
    while (read(stop_fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGCHLD) {
            kill(child, info.ssi_signo);
        }
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return EXIT_FAILURE;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool command_record(Options *options, int *exit_status, GError **error)
{
    RecordContext context = {.options = options};
    g_autoptr(Recording) recording = NULL;
    int stop_fd = open_stop_signals(error);
    int signal_number;
    bool ok;

    if (stop_fd < 0) {
        return false;
    }
    recording = recording_new(options, stop_fd, error);
    if (!recording || (!options->output && !options->is_unasked &&
                       !recording_ask(recording, error))) {
        return false;
    }
    ok = recording_run(recording, spawn_command, &context, error);
    if (ok) {
        print_end(options, recording);
    }
    signal_number = recording_signal(recording);
    /* Restore tracefs now: the command may take long to end. */
    g_clear_pointer(&recording, recording_free);
    if (context.child) {
        *exit_status = wait_for_command(context.child, signal_number, stop_fd);
    }
    return ok;
}

static bool run_command(Options *options, int *exit_status, GError **error)
{
    switch (options->command) {
    case COMMAND_HELP:
        fputs(options->help_text, stdout);
        return true;
    case COMMAND_VERSION:
        puts("qga-trace " PROJECT_VERSION);
        return true;
    case COMMAND_START:
        return command_start(options, error);
    case COMMAND_STOP:
        return print_state(recording_stop(options, error));
    case COMMAND_STATUS:
        return print_state(recording_inspect(options, error));
    case COMMAND_RECORD:
        return command_record(options, exit_status, error);
    }
    g_assert_not_reached();
}

int main(int argc G_GNUC_UNUSED, char **argv)
{
    g_autoptr(Options) options = NULL;
    g_autoptr(GError) error = NULL;
    const struct sigaction on_child = {
        .sa_handler = SIG_DFL,
        .sa_flags = SA_NOCLDSTOP,
    };
    int exit_status = EXIT_SUCCESS;

    setlocale(LC_ALL, "");
    signal(SIGPIPE, SIG_IGN);
    /* Not ignored, as it may be inherited, and not for a stopped command. */
    sigaction(SIGCHLD, &on_child, NULL);
    options = options_parse(argv, &error);
    if (!options || !run_command(options, &exit_status, &error)) {
        fprintf(stderr, "qga-trace: %s\n", error->message);
        return exit_status ? exit_status : EXIT_FAILURE;
    }
    if (fflush(stdout) != 0) {
        fprintf(stderr, "qga-trace: cannot write the answer: %s\n",
                g_strerror(errno));
        return EXIT_FAILURE;
    }
    return exit_status;
}
