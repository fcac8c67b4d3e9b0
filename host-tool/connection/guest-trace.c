/*
 * The recorder in a guest, by either way.  qga-trace prints the same object
 * that the agent's commands return.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/guest-trace.h"

#include <string.h>

#include "connection/connection-error.h"
#include "connection/json-read.h"

#define PROGRAM "qga-trace"
/* The agent itself gives qga-trace a minute. */
#define RUN_TIMEOUT_MS 90000
/* Beyond what it waits for itself.  Shorter: it may be asked again. */
#define STOP_TIMEOUT_MS 25000
#define MAX_OUTPUT      (2u << 20)

static const char *const state_names[] = {
    [GUEST_TRACE_IDLE] = "idle",         [GUEST_TRACE_RECORDING] = "recording",
    [GUEST_TRACE_STOPPING] = "stopping", [GUEST_TRACE_FINISHED] = "finished",
    [GUEST_TRACE_FAILED] = "failed",
};

/* The agent's own commands know one program and one way for the stream. */
static gboolean has_own_commands(const GuestTracer *tracer)
{
    return !tracer->program && !tracer->output_file &&
           agent_command_state(tracer->agent, "guest-trace-start") !=
               AGENT_COMMAND_ABSENT;
}

gboolean guest_trace_check(const GuestTracer *tracer, GError **error)
{
    const Agent *agent = tracer->agent;

    if (has_own_commands(tracer)) {
        return agent_require_command(agent, "guest-trace-start", error) &&
               agent_require_command(agent, "guest-trace-stop", error) &&
               agent_require_command(agent, "guest-trace-status", error);
    }
    return agent_require_command(agent, "guest-exec", error) &&
           agent_require_command(agent, "guest-exec-status", error);
}

static gboolean parse_status(json_object *answer, GuestTraceStatus *status,
                             GError **error)
{
    const char *state = json_read_string(answer, "state", 20);
    const char *failure = json_read_string(answer, "error", 4096);

    *status = (GuestTraceStatus){0};
    json_read_uint64(answer, "bytes-sent", UINT64_MAX, &status->bytes_sent);
    for (size_t i = 0; state && i < G_N_ELEMENTS(state_names); i++) {
        if (g_str_equal(state, state_names[i])) {
            status->state = (GuestTraceState)i;
            if (failure) {
                status->failure = json_printable(failure, 500);
            }
            return TRUE;
        }
    }
    g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL,
                "the guest's " PROGRAM " gave an answer that makes no sense; "
                "is it of this program's version?");
    return FALSE;
}

static gboolean throw_not_run(const GError *cause, GError **error)
{
    gboolean is_missing = strstr(cause->message, "No such file") != NULL;

    g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_REFUSED,
                is_missing
                    ? "there is no " PROGRAM " in the guest; install it there, "
                      "or have it copied there with --push-recorder (%s)"
                    : "the guest's agent may not run " PROGRAM ": %s; check "
                      "the guest's security policy for qemu-ga",
                cause->message);
    return FALSE;
}

/* What a failed qga-trace said, or else how it ended. */
static gboolean throw_failed(const AgentProcess *process, GError **error)
{
    gsize length = 0;
    const char *text =
        process->errors ? g_bytes_get_data(process->errors, &length) : NULL;
    g_autofree char *copy = g_strndup(text ? text : "", length);
    g_autofree char *said = json_printable(copy, 500);

    g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_REFUSED,
                "in the guest, %s%s (exit status %d)",
                *said ? "" : PROGRAM " failed and said nothing", said,
                process->exit_code);
    return FALSE;
}

static gboolean parse_output(const AgentProcess *process,
                             GuestTraceStatus *status, GError **error)
{
    gsize length = 0;
    const char *text =
        process->output ? g_bytes_get_data(process->output, &length) : "";
    g_autofree char *copy = NULL;
    g_autoptr(json_object) answer = NULL;

    if (length <= MAX_OUTPUT) {
        copy = g_strndup(text ? text : "", length);
        answer = json_read_text(copy);
    }
    return parse_status(answer, status, error);
}

/* Runs qga-trace with guest-exec; argv ends with NULL. */
static gboolean exec_program(const GuestTracer *tracer, GPtrArray *argv,
                             unsigned timeout_ms, AgentProcess *process,
                             GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (!agent_exec_wait(tracer->agent, (const char *const *)argv->pdata,
                         timeout_ms, process, &cause)) {
        if (g_error_matches(cause, CONNECTION_ERROR,
                            CONNECTION_ERROR_REFUSED)) {
            return throw_not_run(cause, error);
        }
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    return process->exit_code == 0 || throw_failed(process, error);
}

static gboolean run_program(const GuestTracer *tracer, GPtrArray *argv,
                            unsigned timeout_ms, GuestTraceStatus *status,
                            GError **error)
{
    g_auto(AgentProcess) process = {0};

    return exec_program(tracer, argv, timeout_ms, &process, error) &&
           parse_output(&process, status, error);
}

static gboolean run_command(Agent *agent, const char *command,
                            json_object *arguments, unsigned timeout_ms,
                            GuestTraceStatus *status, GError **error)
{
    g_autoptr(json_object) answer =
        agent_execute(agent, command, arguments, timeout_ms, error);

    return answer && parse_status(answer, status, error);
}

static void add_strings(json_object *arguments, const char *key, char **list)
{
    json_object *array;

    if (!list || !*list) {
        return;
    }
    array = json_object_new_array();
    for (; *list; list++) {
        json_object_array_add(array, json_object_new_string(*list));
    }
    json_object_object_add(arguments, key, array);
}

static json_object *start_arguments(const GuestTraceOptions *options)
{
    json_object *arguments = json_object_new_object();

    add_strings(arguments, "events", options->events);
    add_strings(arguments, "filters", options->filters);
    add_strings(arguments, "functions", options->functions);
    if (options->tracer) {
        json_object_object_add(arguments, "tracer",
                               json_object_new_string(options->tracer));
    }
    if (options->buffer_kib) {
        json_object_object_add(arguments, "buffer-size",
                               json_object_new_int64(options->buffer_kib));
    }
    return arguments;
}

static GPtrArray *new_argv(const GuestTracer *tracer, const char *command)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(argv,
                    g_strdup(tracer->program ? tracer->program : PROGRAM));
    g_ptr_array_add(argv, g_strdup(command));
    return argv;
}

static void add_option(GPtrArray *argv, const char *option, const char *value)
{
    if (value) {
        g_ptr_array_add(argv, g_strdup(option));
        g_ptr_array_add(argv, g_strdup(value));
    }
}

static void add_options(GPtrArray *argv, const char *option, char **list)
{
    for (; list && *list; list++) {
        add_option(argv, option, *list);
    }
}

gboolean guest_trace_try_program(const GuestTracer *tracer, GError **error)
{
    g_autoptr(GPtrArray) argv = new_argv(tracer, "--version");
    g_auto(AgentProcess) process = {0};

    g_ptr_array_add(argv, NULL);
    return exec_program(tracer, argv, RUN_TIMEOUT_MS, &process, error);
}

static gboolean start_program(const GuestTracer *tracer,
                              const GuestTraceOptions *options,
                              GuestTraceStatus *status, GError **error)
{
    g_autoptr(GPtrArray) argv = new_argv(tracer, "start");
    g_autofree char *size =
        options->buffer_kib ? g_strdup_printf("%u", options->buffer_kib) : NULL;

    add_options(argv, "-e", options->events);
    add_options(argv, "-f", options->filters);
    add_option(argv, "-p", options->tracer);
    add_options(argv, "-l", options->functions);
    add_option(argv, "--buffer-size", size);
    add_option(argv, "--output", tracer->output_file);
    g_ptr_array_add(argv, NULL);
    return run_program(tracer, argv, RUN_TIMEOUT_MS, status, error);
}

gboolean guest_trace_start(const GuestTracer *tracer,
                           const GuestTraceOptions *options, GError **error)
{
    g_auto(GuestTraceStatus) status = {0};
    gboolean ok = has_own_commands(tracer)
                      ? run_command(tracer->agent, "guest-trace-start",
                                    start_arguments(options), RUN_TIMEOUT_MS,
                                    &status, error)
                      : start_program(tracer, options, &status, error);

    if (!ok) {
        return FALSE;
    }
    if (status.state != GUEST_TRACE_RECORDING) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_REFUSED,
                    "the guest's recorder did not start: %s",
                    status.failure ? status.failure
                                   : state_names[status.state]);
        return FALSE;
    }
    return TRUE;
}

gboolean guest_trace_stop(const GuestTracer *tracer, unsigned timeout_s,
                          GuestTraceStatus *status, GError **error)
{
    g_autofree char *seconds = g_strdup_printf("%u", timeout_s);
    unsigned timeout_ms = timeout_s * 1000 + STOP_TIMEOUT_MS;
    g_autoptr(GPtrArray) argv = NULL;
    json_object *arguments;

    if (has_own_commands(tracer)) {
        arguments = json_object_new_object();
        json_object_object_add(arguments, "timeout",
                               json_object_new_int64(timeout_s));
        return run_command(tracer->agent, "guest-trace-stop", arguments,
                           timeout_ms, status, error);
    }
    argv = new_argv(tracer, "stop");
    add_option(argv, "--timeout", seconds);
    g_ptr_array_add(argv, NULL);
    return run_program(tracer, argv, timeout_ms, status, error);
}

gboolean guest_trace_status(const GuestTracer *tracer, GuestTraceStatus *status,
                            GError **error)
{
    g_autoptr(GPtrArray) argv = NULL;

    if (has_own_commands(tracer)) {
        return run_command(tracer->agent, "guest-trace-status", NULL,
                           RUN_TIMEOUT_MS, status, error);
    }
    argv = new_argv(tracer, "status");
    g_ptr_array_add(argv, NULL);
    return run_program(tracer, argv, RUN_TIMEOUT_MS, status, error);
}

gboolean guest_trace_forget(const GuestTracer *tracer, GError **error)
{
    g_autoptr(GPtrArray) argv = new_argv(tracer, "status");
    g_auto(GuestTraceStatus) status = {0};
    g_autoptr(GError) cause = NULL;

    g_ptr_array_add(argv, g_strdup("--forget"));
    g_ptr_array_add(argv, NULL);
    if (!run_program(tracer, argv, RUN_TIMEOUT_MS, &status, &cause)) {
        if (g_error_matches(cause, CONNECTION_ERROR,
                            CONNECTION_ERROR_TIMEOUT) ||
            g_error_matches(cause, CONNECTION_ERROR, CONNECTION_ERROR_CLOSED)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        return TRUE;
    }
    if (status.state == GUEST_TRACE_RECORDING ||
        status.state == GUEST_TRACE_STOPPING) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_BUSY,
                    "it still records");
        return FALSE;
    }
    return TRUE;
}

void guest_trace_status_clear(GuestTraceStatus *status)
{
    g_clear_pointer(&status->failure, g_free);
}
