/*
 * Confined: what a command does with recordings, in a process that can do
 * nothing else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/confined.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/limit-options.h"
#include "commands/screen.h"
#include "confine/confine.h"
#include "confine/file-request.h"
#include "trace-data/event-plugins.h"

/* What comes back. */
typedef struct Answer {
    int32_t status;
    uint32_t is_complete;
} Answer;

typedef struct Run {
    const ConfinedCommand *command;
    OutputTarget *target;
    int request_fds[2]; /* the parent's and the child's; -1 of a file */
    uint64_t max_bytes; /* of all files of a directory */
} Run;

/* In the confined process */

static int request_file(const char *name, gpointer data)
{
    return file_request_send(((const Run *)data)->request_fds[1], name);
}

static gboolean run_child(gpointer data, GByteArray *reply,
                          G_GNUC_UNUSED GError **error)
{
    Run *run = data;
    const ConfinedCommand *command = run->command;
    const ConfinedOutput output = {
        .target = run->target,
        .files = {.create = request_file, .data = run},
    };
    g_autoptr(GError) failure = NULL;
    Answer answer = {0};
    int status = 0;

    /* write() tells it, too, and then the error says where. */
    signal(SIGXFSZ, SIG_IGN);
    if (!command->output) {
        /* Who quits a pager has seen enough: end quietly. */
        signal(SIGPIPE, SIG_DFL);
    }
    answer.is_complete =
        command->run(&output, command->data, &status, &failure) &&
        output_target_flush(run->target, &failure);
    answer.status = status;
    if (failure) {
        answer.status = command_fail(command->name, failure);
    }
    fflush(stdout);
    g_byte_array_append(reply, (const guint8 *)&answer, sizeof(answer));
    return TRUE;
}

/* In this process */

/* Those that a user, or the end of a session, ends the program with. */
static void collect_stops(sigset_t *stops)
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};

    sigemptyset(stops);
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        struct sigaction action;

        if (sigaction(numbers[i], NULL, &action) == 0 &&
            action.sa_handler != SIG_IGN) {
            sigaddset(stops, numbers[i]);
        }
    }
}

/* Opening a pipe may take for ever. */
static bool is_pipe(const char *path)
{
    struct stat status;

    return path && stat(path, &status) == 0 && S_ISFIFO(status.st_mode);
}

static gboolean serve(int fd, gpointer data)
{
    return file_request_serve(fd, output_target_create, ((Run *)data)->target);
}

static gboolean watch(gpointer data)
{
    const Run *run = data;

    return output_target_bytes(run->target) <= run->max_bytes;
}

/* What the output file has already counts, too. */
static uint64_t max_file_bytes(const Limits *limits, int fd)
{
    struct stat status;

    return fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)
               ? limits->output_bytes + (uint64_t)status.st_size
               : limits->output_bytes;
}

static void fill_fds(const Run *run, GArray *fds)
{
    const int standard[] = {STDOUT_FILENO, STDERR_FILENO};
    int target_fd = output_target_fd(run->target);

    g_array_append_vals(fds, standard, G_N_ELEMENTS(standard));
    if (target_fd > STDERR_FILENO) {
        g_array_append_val(fds, target_fd);
    }
    if (run->request_fds[1] >= 0) {
        g_array_append_val(fds, run->request_fds[1]);
    }
    for (unsigned i = 0; i < run->command->n_files; i++) {
        opened_files_append_fds(run->command->files[i], fds);
    }
}

static GByteArray *run_confined(Run *run, const sigset_t *stops,
                                ConfineMissing *missing, GError **error)
{
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(int));
    Limits limits = run->command->limits;
    const ConfineService service = {
        .fd = run->request_fds[0],
        .serve = serve,
        .watch = watch,
        .data = run,
    };
    ConfineOptions options;
    uint64_t input_bytes = 0;

    for (unsigned i = 0; i < run->command->n_files; i++) {
        input_bytes += opened_files_bytes(run->command->files[i]);
    }
    limit_options_complete(&limits, input_bytes);
    fill_fds(run, fds);
    confine_options_init(&options, "the recording");
    options.advice = "If it is sound, and only large, raise --limit memory, "
                     "cpu-time or output.";
    options.fds = (const int *)fds->data;
    options.fd_count = fds->len;
    options.needs = CONFINE_NEEDS_THREADS | CONFINE_NEEDS_MORE_FDS;
    options.service = service.fd >= 0 ? &service : NULL;
    options.stops = stops;
    options.memory_bytes = limits.memory_bytes;
    options.cpu_seconds = (uint32_t)MIN(limits.cpu_s, UINT32_MAX);
    options.file_bytes = max_file_bytes(&limits, output_target_fd(run->target));
    run->max_bytes = options.file_bytes;
    return confine_run(&options, run_child, run, missing, error);
}

static int take_answer(const Run *run, const GByteArray *reply, GError **error)
{
    Answer answer;

    if (reply->len != sizeof(answer)) {
        g_set_error_literal(error, CONFINE_ERROR, CONFINE_ERROR_REPLY,
                            "The process that read the recording gave no "
                            "proper answer.");
        return 1;
    }
    memcpy(&answer, reply->data, sizeof(answer));
    if (answer.is_complete && !output_target_finish(run->target, error)) {
        return 1;
    }
    return answer.status & 0xff;
}

static int run_on_target(Run *run, const sigset_t *stops, GError **error)
{
    g_autoptr(GByteArray) reply = NULL;
    g_autofree char *wall = NULL;
    ConfineMissing missing = 0;
    int status = 1;

    if (run->command->is_directory &&
        !file_request_pair(run->request_fds, error)) {
        return 1;
    }
    fflush(NULL); /* nothing is to be written twice */
    reply = run_confined(run, stops, &missing, error);
    if (reply) {
        status = take_answer(run, reply, error);
    }
    wall = confine_describe_missing(missing);
    if (wall) {
        fprintf(stderr, "warning: %s\n", wall);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(run->request_fds); i++) {
        if (run->request_fds[i] >= 0) {
            close(run->request_fds[i]);
        }
    }
    return status;
}

/* As the reader of our output ended us. */
static int end_by_pipe(void)
{
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
    return 1;
}

/* A confined process can't load code, nor the time zone. */
static void prepare(void)
{
    struct rlimit limit;

    event_plugins_load();
    tzset();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int confined_command_run(const ConfinedCommand *command)
{
    /* What is printed here shows what was said in the confined process, too. */
    g_autoptr(Screen) screen = NULL;
    g_autoptr(GError) error = NULL;
    Run run = {.command = command, .request_fds = {-1, -1}};
    sigset_t stops, before;
    int status = 1;

    prepare();
    collect_stops(&stops);
    if (is_pipe(command->output)) {
        sigprocmask(SIG_BLOCK, NULL, &before);
    } else {
        sigprocmask(SIG_BLOCK, &stops, &before);
    }
    run.target = command->is_directory
                     ? output_target_directory(command->output, &error)
                     : output_target_file(command->output, &error);
    sigprocmask(SIG_BLOCK, &stops, NULL);
    if (run.target) {
        if (screen_start(command->is_paged, &screen, &error)) {
            status = run_on_target(&run, &stops, &error);
        }
        output_target_free(run.target);
    }
    /* Ends as the signal that came would have ended us. */
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (g_error_matches(error, CONFINE_ERROR, CONFINE_ERROR_PIPE)) {
        return end_by_pipe();
    }
    if (error) {
        return command_fail(command->name, error);
    }
    return status;
}
