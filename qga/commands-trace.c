/*
 * QEMU Guest Agent: record the guest kernel's trace events
 *
 * The recording is done by a program of its own, qga-trace.  This file
 * only checks what the host asks for, runs qga-trace for it and hands
 * its answer on, so that a fault in the recorder never takes the agent
 * down, and the agent needs no tracing libraries.
 *
 * qga-trace prints one JSON object, a GuestTraceStatus, and exits with
 * status 0; or it prints one sentence on stderr and exits otherwise.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <poll.h>
#include <sys/wait.h>
#include "qapi/error.h"
#include "qapi/qobject-input-visitor.h"
#include "qobject/qjson.h"
#include "qobject/qobject.h"
#include "qemu/units.h"
#include "qga-qapi-commands.h"
#include "qga-qapi-visit.h"
#include "guest-agent-core.h"

/* What the host may ask for at most */
#define TRACE_MAX_STRINGS            256
#define TRACE_MAX_STRING_BYTES       1024
#define TRACE_STOP_TIMEOUT_DEFAULT_S 10
#define TRACE_STOP_TIMEOUT_MAX_S     30

/* What qga-trace may take and say at most: a CPU's counts are ~200 bytes */
#define TRACE_RUN_TIMEOUT_S    60
#define TRACE_MAX_STDOUT_BYTES (2 * MiB)
#define TRACE_MAX_STDERR_BYTES (4 * KiB)

/* How often to look whether qga-trace has exited */
#define TRACE_POLL_MS 20

static const char *const trace_programs[] = {
#ifdef CONFIG_QGA_TRACE_PROGRAM
    CONFIG_QGA_TRACE_PROGRAM,
#endif
    "/usr/local/bin/qga-trace",
    "/usr/bin/qga-trace",
};

typedef struct TraceOutput {
    int fd; /* -1 once its end has been seen */
    GString *text;
    size_t max_bytes;
    bool too_long;
} TraceOutput;

typedef struct TraceRun {
    GPid pid;
    bool exited;
    int wait_status;
    int64_t deadline_us; /* g_get_monotonic_time() */
    TraceOutput out;
    TraceOutput err;
} TraceRun;

static bool trace_check_string(const char *option, const char *value,
                               Error **errp)
{
    const char *p;

    if (!*value || *value == '-' || strlen(value) > TRACE_MAX_STRING_BYTES) {
        error_setg(errp,
                   "Parameter '%s' needs strings of 1 to %d bytes that "
                   "don't begin with '-'",
                   option, TRACE_MAX_STRING_BYTES);
        return false;
    }
    for (p = value; *p; p++) {
        if (g_ascii_iscntrl(*p)) {
            error_setg(errp, "Parameter '%s' has a control character", option);
            return false;
        }
    }
    return true;
}

static bool trace_check_strings(const char *option, const strList *list,
                                Error **errp)
{
    int count = 0;

    for (; list; list = list->next) {
        if (++count > TRACE_MAX_STRINGS) {
            error_setg(errp, "Parameter '%s' has more than %d elements", option,
                       TRACE_MAX_STRINGS);
            return false;
        }
        if (!trace_check_string(option, list->value, errp)) {
            return false;
        }
    }
    return true;
}

static bool trace_check_filters(const strList *list, Error **errp)
{
    if (!trace_check_strings("filters", list, errp)) {
        return false;
    }
    for (; list; list = list->next) {
        const char *colon = strchr(list->value, ':');

        if (!colon || colon == list->value || !colon[1]) {
            error_setg(errp,
                       "Parameter 'filters' needs strings like "
                       "'SYSTEM/EVENT:FILTER', not '%s'",
                       list->value);
            return false;
        }
    }
    return true;
}

static void trace_add_option(GPtrArray *argv, const char *option,
                             const char *value)
{
    if (value) {
        g_ptr_array_add(argv, g_strdup(option));
        g_ptr_array_add(argv, g_strdup(value));
    }
}

static void trace_add_options(GPtrArray *argv, const char *option,
                              const strList *list)
{
    for (; list; list = list->next) {
        trace_add_option(argv, option, list->value);
    }
}

/*
 * The program is looked for in fixed places only, so that nothing in the
 * agent's environment decides what is run.
 */
static GPtrArray *trace_argv_new(const char *command, Error **errp)
{
    GPtrArray *argv;
    size_t i;

    for (i = 0; i < ARRAY_SIZE(trace_programs); i++) {
        if (!access(trace_programs[i], F_OK) || errno == EACCES) {
            argv = g_ptr_array_new_with_free_func(g_free);
            g_ptr_array_add(argv, g_strdup(trace_programs[i]));
            g_ptr_array_add(argv, g_strdup(command));
            return argv;
        }
    }

    error_setg(errp, "There is no %s in the guest: install qga-trace",
               trace_programs[ARRAY_SIZE(trace_programs) - 1]);
    return NULL;
}

static bool trace_spawn(TraceRun *run, GPtrArray *argv, Error **errp)
{
    const char *program = g_ptr_array_index(argv, 0);
    g_autoptr(GError) gerr = NULL;

    if (!g_spawn_async_with_pipes("/", (char **)argv->pdata, NULL,
                                  G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                  &run->pid, NULL, &run->out.fd, &run->err.fd,
                                  &gerr)) {
        if (g_error_matches(gerr, G_SPAWN_ERROR, G_SPAWN_ERROR_ACCES) ||
            g_error_matches(gerr, G_SPAWN_ERROR, G_SPAWN_ERROR_PERM)) {
            error_setg(errp,
                       "The guest agent is not allowed to run %s: check "
                       "its mode and the guest's security policy for the "
                       "agent",
                       program);
        } else {
            error_setg(errp, "Can't run %s: %s", program, gerr->message);
        }
        return false;
    }

    if (!g_unix_set_fd_nonblocking(run->out.fd, true, &gerr) ||
        !g_unix_set_fd_nonblocking(run->err.fd, true, &gerr)) {
        error_setg(errp, "Can't read from %s: %s", program, gerr->message);
        return false;
    }
    return true;
}

static void trace_output_close(TraceOutput *output)
{
    if (output->fd >= 0) {
        close(output->fd);
        output->fd = -1;
    }
}

/* Take what is there, but never more than the caller is ready to keep */
static void trace_output_read(TraceOutput *output)
{
    char buf[4096];
    ssize_t len;

    while (output->fd >= 0 && !output->too_long) {
        len = RETRY_ON_EINTR(read(output->fd, buf, sizeof(buf)));
        if (len < 0 && errno == EAGAIN) {
            return;
        }
        if (len <= 0) {
            trace_output_close(output);
        } else if (output->text->len + len > output->max_bytes) {
            output->too_long = true;
        } else {
            g_string_append_len(output->text, buf, len);
        }
    }
}

/*
 * Wait for qga-trace itself, not for the end of its output: the recorder
 * that it leaves in the background might keep the pipes open.
 */
static bool trace_wait(TraceRun *run, const char *program, Error **errp)
{
    while (!run->exited) {
        struct pollfd fds[] = {
            {.fd = run->out.fd, .events = POLLIN},
            {.fd = run->err.fd, .events = POLLIN},
        };
        pid_t pid = waitpid(run->pid, &run->wait_status, WNOHANG);

        if (pid < 0 && errno != EINTR) {
            error_setg_errno(errp, errno, "Can't wait for %s", program);
            return false;
        }
        run->exited = pid == run->pid;
        trace_output_read(&run->out);
        trace_output_read(&run->err);
        if (run->out.too_long || run->err.too_long) {
            error_setg(errp, "%s said more than the guest agent expects",
                       program);
            return false;
        }
        if (!run->exited) {
            if (g_get_monotonic_time() > run->deadline_us) {
                error_setg(errp, "%s did not answer in time", program);
                return false;
            }
            poll(fds, ARRAY_SIZE(fds), TRACE_POLL_MS);
        }
    }
    return true;
}

static void trace_run_end(TraceRun *run)
{
    if (run->pid && !run->exited) {
        kill(run->pid, SIGKILL);
        RETRY_ON_EINTR(waitpid(run->pid, NULL, 0));
    }
    trace_output_close(&run->out);
    trace_output_close(&run->err);
}

/* What qga-trace says on stderr is for the host's user; keep it to a line */
static void trace_set_failure(const TraceRun *run, const char *program,
                              Error **errp)
{
    g_autofree char *valid =
        g_utf8_make_valid(run->err.text->str, run->err.text->len);
    char *text = g_strstrip(valid);
    char *p;

    for (p = text; *p; p++) {
        if (g_ascii_iscntrl(*p)) {
            *p = ' ';
        }
    }
    if (*text) {
        error_setg(errp, "%s", text);
    } else if (WIFEXITED(run->wait_status)) {
        error_setg(errp, "%s failed with exit status %d and said nothing",
                   program, WEXITSTATUS(run->wait_status));
    } else {
        error_setg(errp, "%s was killed by signal %d", program,
                   WTERMSIG(run->wait_status));
    }
}

static GuestTraceStatus *trace_parse_status(const GString *text,
                                            const char *program, Error **errp)
{
    ERRP_GUARD();
    GuestTraceStatus *status = NULL;
    QObject *obj;
    Visitor *v;

    if (strlen(text->str) != text->len ||
        !g_utf8_validate(text->str, text->len, NULL)) {
        error_setg(errp, "What %s printed is not JSON", program);
        return NULL;
    }

    obj = qobject_from_json(text->str, errp);
    if (obj) {
        v = qobject_input_visitor_new(obj);
        visit_type_GuestTraceStatus(v, NULL, &status, errp);
        visit_free(v);
        qobject_unref(obj);
    }
    if (!status) {
        error_prepend(errp, "Can't understand what %s printed: ", program);
    }
    return status;
}

/* Run @argv, which is completed here, for at most @timeout_s seconds */
static GuestTraceStatus *trace_run(GPtrArray *argv, int timeout_s, Error **errp)
{
    const char *program = g_ptr_array_index(argv, 0);
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(GString) err = g_string_new(NULL);
    TraceRun run = {
        .deadline_us =
            g_get_monotonic_time() + timeout_s * (int64_t)G_USEC_PER_SEC,
        .out = {-1, out, TRACE_MAX_STDOUT_BYTES},
        .err = {-1, err, TRACE_MAX_STDERR_BYTES},
    };
    GuestTraceStatus *status = NULL;

    g_ptr_array_add(argv, NULL);
    if (trace_spawn(&run, argv, errp) && trace_wait(&run, program, errp)) {
        if (WIFEXITED(run.wait_status) && !WEXITSTATUS(run.wait_status)) {
            status = trace_parse_status(out, program, errp);
        } else {
            trace_set_failure(&run, program, errp);
        }
    }
    trace_run_end(&run);
    return status;
}

GuestTraceStatus *
qmp_guest_trace_start(bool has_events, strList *events, bool has_filters,
                      strList *filters, const char *tracer, bool has_functions,
                      strList *functions, bool has_buffer_size,
                      uint32_t buffer_size, const char *port, Error **errp)
{
    g_autoptr(GPtrArray) argv = NULL;
    g_autofree char *size = NULL;

    slog("guest-trace-start called");

    if (!trace_check_strings("events", events, errp) ||
        !trace_check_filters(filters, errp) ||
        !trace_check_strings("functions", functions, errp) ||
        (tracer && !trace_check_string("tracer", tracer, errp)) ||
        (port && !trace_check_string("port", port, errp))) {
        return NULL;
    }
    if (functions && !tracer) {
        error_setg(errp, "Parameter 'functions' needs parameter 'tracer'");
        return NULL;
    }
    if (has_buffer_size) {
        if (!buffer_size) {
            error_setg(errp, "Parameter 'buffer-size' must not be 0");
            return NULL;
        }
        size = g_strdup_printf("%" PRIu32, buffer_size);
    }

    argv = trace_argv_new("start", errp);
    if (!argv) {
        return NULL;
    }
    trace_add_options(argv, "-e", events);
    trace_add_options(argv, "-f", filters);
    trace_add_option(argv, "-p", tracer);
    trace_add_options(argv, "-l", functions);
    trace_add_option(argv, "--buffer-size", size);
    trace_add_option(argv, "--port", port);
    return trace_run(argv, TRACE_RUN_TIMEOUT_S, errp);
}

GuestTraceStatus *qmp_guest_trace_stop(bool has_timeout, uint8_t timeout,
                                       Error **errp)
{
    g_autoptr(GPtrArray) argv = NULL;
    g_autofree char *seconds = NULL;

    slog("guest-trace-stop called");

    if (!has_timeout) {
        timeout = TRACE_STOP_TIMEOUT_DEFAULT_S;
    }
    if (timeout > TRACE_STOP_TIMEOUT_MAX_S) {
        error_setg(errp, "Parameter 'timeout' must be at most %d",
                   TRACE_STOP_TIMEOUT_MAX_S);
        return NULL;
    }

    argv = trace_argv_new("stop", errp);
    if (!argv) {
        return NULL;
    }
    seconds = g_strdup_printf("%d", timeout);
    trace_add_option(argv, "--timeout", seconds);
    return trace_run(argv, timeout + TRACE_RUN_TIMEOUT_S, errp);
}

GuestTraceStatus *qmp_guest_trace_status(Error **errp)
{
    g_autoptr(GPtrArray) argv = trace_argv_new("status", errp);

    if (!argv) {
        return NULL;
    }
    return trace_run(argv, TRACE_RUN_TIMEOUT_S, errp);
}
