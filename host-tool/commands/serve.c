/*
 * qemu-trace-merge serve: record when a guest asks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/commands.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands/command-line.h"
#include "commands/guest-options.h"
#include "commands/limit-options.h"
#include "commands/session-summary.h"
#include "commands/size-option.h"
#include "session/request-server.h"

#define DEFAULT_MAX_DURATION_S 60
#define DEFAULT_MAX_SIZE       "1G"
#define DEFAULT_MAX_TOTAL      "8G"
#define DEFAULT_RATE           12
#define MAX_DURATION_S         (7 * 24 * 60 * 60)
#define MAX_BUFFER_KIB         (64 << 20)

typedef struct ServeOptions {
    GuestOptions *guests;
    GPtrArray *addresses; /* of GuestAddress; the guests' */
    LimitOptions limits;
    char **allowed;
    char *output_dir;
    double max_duration_s;
    char *max_size;
    char *max_total;
    int rate;
    int buffer_kib;
    RequestServerOptions server;
} ServeOptions;

static GOptionContext *new_context(ServeOptions *o)
{
    const GOptionEntry entries[] = {
        {"allow", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->allowed,
         "Let the guest have these events of the host recorded: 'default' is "
         "what record records; without this option every request is refused",
         "SYSTEM[:EVENT]"},
        {"max-duration", 0, 0, G_OPTION_ARG_DOUBLE, &o->max_duration_s,
         "End a recording after so long (default: 60)", "SECONDS"},
        {"max-size", 0, 0, G_OPTION_ARG_STRING, &o->max_size,
         "Limit of each machine's stream in a recording "
         "(default: " DEFAULT_MAX_SIZE ")",
         "BYTES[K|M|G]"},
        {"max-total", 0, 0, G_OPTION_ARG_STRING, &o->max_total,
         "Refuse while this guest's recordings take so much "
         "(default: " DEFAULT_MAX_TOTAL ")",
         "BYTES[K|M|G]"},
        {"max-per-hour", 0, 0, G_OPTION_ARG_INT, &o->rate,
         "Recordings of a guest within an hour (default: 12)", "COUNT"},
        {"output-dir", 'o', 0, G_OPTION_ARG_FILENAME, &o->output_dir,
         "Make the sessions' directories here (default: .)", "DIR"},
        {"buffer-size", 0, 0, G_OPTION_ARG_INT, &o->buffer_kib,
         "Ring buffer of each CPU of the host (default: 4096)", "KIB"},
        {NULL},
    };
    GOptionContext *context = g_option_context_new(NULL);

    g_option_context_set_summary(
        context, "Records this machine and a guest together whenever "
                 "'qga-trace record' in the guest\nasks for it, within the "
                 "limits given here, until it is interrupted.");
    guest_options_add_to(o->guests, context);
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_group(context, limit_options_group(&o->limits));
    return context;
}

static gboolean throw_usage(GError **error, const char *sentence)
{
    g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                        sentence);
    return FALSE;
}

static gboolean check_numbers(const ServeOptions *o, GError **error)
{
    if (!isfinite(o->max_duration_s) || o->max_duration_s <= 0 ||
        o->max_duration_s > MAX_DURATION_S) {
        return throw_usage(error, "--max-duration needs a number of seconds, "
                                  "a week at most");
    }
    if (o->rate < 1) {
        return throw_usage(error, "--max-per-hour needs a number from 1 on");
    }
    if (o->buffer_kib < 0 || o->buffer_kib > MAX_BUFFER_KIB) {
        return throw_usage(error, "--buffer-size is in KiB and at most 64 GiB");
    }
    return TRUE;
}

static gboolean parse(int argc, char **argv, ServeOptions *o, GError **error)
{
    g_autoptr(GOptionContext) context = new_context(o);

    if (!command_line_parse(context, &argc, argv, error)) {
        return FALSE;
    }
    if (o->limits.wants_list) {
        return TRUE;
    }
    if (argc > 1) {
        return throw_usage(error, "serve takes options only; the guest names "
                                  "the command");
    }
    o->addresses = guest_options_addresses(o->guests, error);
    o->server.policy = (RequestPolicy){
        .allowed = o->allowed,
        .max_duration_ms = (uint32_t)(o->max_duration_s * 1000),
        .max_per_hour = (guint)o->rate,
    };
    o->server.output_dir = o->output_dir;
    o->server.host_buffer_kib = o->buffer_kib;
    o->server.limits = &o->limits.limits;
    return o->addresses && check_numbers(o, error) &&
           size_option_parse("--max-size",
                             o->max_size ? o->max_size : DEFAULT_MAX_SIZE,
                             &o->server.max_bytes, error) &&
           size_option_parse("--max-total",
                             o->max_total ? o->max_total : DEFAULT_MAX_TOTAL,
                             &o->server.policy.max_total_bytes, error);
}

static void say(const char *sentence, G_GNUC_UNUSED gpointer watcher)
{
    fprintf(stderr, "%s\n", sentence);
}

static void on_recorded(const RecordingResult *result, const GError *error,
                        G_GNUC_UNUSED gpointer watcher)
{
    if (result->dir) {
        session_summary_print(result->session, result->dir, stderr);
    }
    if (error) {
        command_fail("serve", error);
    }
}

/* A process for each guest, so that none waits for another's recording. */
static int serve_one(const ServeOptions *o, const GuestAddress *address)
{
    g_autoptr(GError) error = NULL;

    return request_server_run(&o->server, address, &error)
               ? 0
               : command_fail("serve", error);
}

static pid_t fork_server(const ServeOptions *o, const GuestAddress *address,
                         const sigset_t *old)
{
    pid_t pid = fork();

    if (pid == 0) {
        sigprocmask(SIG_SETMASK, old, NULL);
        /* Whoever kills the parent wants them all to end. */
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        exit(serve_one(o, address));
    }
    if (pid < 0) {
        perror("qemu-trace-merge serve: cannot fork");
    }
    return pid;
}

/* All signals but SIGCHLD go on to the children, which end in order. */
static int wait_for_servers(const GArray *pids, const sigset_t *signals)
{
    int worst = 0, status;
    pid_t pid = 0;

    while (pid == 0 || errno != ECHILD) {
        int signal_number = sigwaitinfo(signals, NULL);

        for (guint i = 0; signal_number != SIGCHLD && i < pids->len; i++) {
            kill(g_array_index(pids, pid_t, i), SIGTERM);
        }
        errno = 0;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
            worst |= WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        }
    }
    return worst;
}

static int serve_all(const ServeOptions *o)
{
    g_autoptr(GArray) pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
    sigset_t signals, old;
    int status;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, &old);
    for (guint i = 0; i < o->addresses->len; i++) {
        pid_t pid = fork_server(o, o->addresses->pdata[i], &old);

        if (pid > 0) {
            g_array_append_val(pids, pid);
        }
    }
    status = pids->len < o->addresses->len;
    if (pids->len > 0) {
        status |= wait_for_servers(pids, &signals);
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    return status;
}

static void clear_options(ServeOptions *o)
{
    guest_options_free(o->guests);
    g_strfreev(o->allowed);
    g_free(o->output_dir);
    g_free(o->max_size);
    g_free(o->max_total);
}

int cmd_serve(int argc, char **argv)
{
    ServeOptions o = {
        .guests = guest_options_new(),
        .max_duration_s = DEFAULT_MAX_DURATION_S,
        .rate = DEFAULT_RATE,
        .limits = limit_options_new(LIMIT_RECORDS),
        .server = {.say = say, .recorded = on_recorded},
    };
    g_autoptr(GError) error = NULL;
    int status;

    if (!parse(argc, argv, &o, &error)) {
        status = command_fail("serve", error);
    } else if (limit_options_list(&o.limits)) {
        status = 0;
    } else if (geteuid() != 0) {
        fprintf(stderr, "qemu-trace-merge serve: recording the host needs "
                        "root; run this with sudo\n");
        status = 1;
    } else {
        if (!o.allowed) {
            fprintf(stderr, "warning: without --allow every request is "
                            "refused\n");
        }
        status = o.addresses->len == 1 ? serve_one(&o, o.addresses->pdata[0])
                                       : serve_all(&o);
    }
    clear_options(&o);
    return status;
}
