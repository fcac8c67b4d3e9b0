/*
 * The agent's own commands: guest-info, guest-exec, guest-exec-status.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/agent.h"

#include "connection/connection-error.h"
#include "connection/json-channel.h"
#include "connection/json-read.h"

#define INFO_TIMEOUT_MS 5000
#define EXEC_TIMEOUT_MS 10000
#define MAX_COMMANDS    1000
#define FIRST_POLL_MS   20
#define LAST_POLL_MS    250
#define MAX_BASE64      (24u << 20)
#define KILL_TIMEOUT_MS 5000

struct Agent {
    GuestLink *link;
    GHashTable *enabled; /* command name -> GINT_TO_POINTER(is enabled) */
};

static void read_commands(Agent *agent, json_object *info)
{
    json_object *list =
        json_read_array(info, "supported_commands", MAX_COMMANDS);
    size_t n = list ? json_object_array_length(list) : 0;

    for (size_t i = 0; i < n; i++) {
        json_object *command = json_object_array_get_idx(list, i);
        const char *name = json_read_string(command, "name", 80);
        gboolean is_enabled = FALSE;

        if (name && json_read_bool(command, "enabled", &is_enabled)) {
            g_hash_table_replace(agent->enabled, g_strdup(name),
                                 GINT_TO_POINTER(is_enabled));
        }
    }
}

Agent *agent_new(GuestLink *link, GError **error)
{
    g_autoptr(Agent) agent = g_new0(Agent, 1);
    g_autoptr(json_object) info = NULL;

    agent->link = link;
    agent->enabled =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    info = guest_link_agent_execute(link, "guest-info", NULL, INFO_TIMEOUT_MS,
                                    error);
    if (!info) {
        return NULL;
    }
    read_commands(agent, info);
    return g_steal_pointer(&agent);
}

void agent_free(Agent *agent)
{
    if (agent) {
        g_hash_table_unref(agent->enabled);
        g_free(agent);
    }
}

AgentCommandState agent_command_state(const Agent *agent, const char *command)
{
    gpointer is_enabled;

    if (!g_hash_table_lookup_extended(agent->enabled, command, NULL,
                                      &is_enabled)) {
        return AGENT_COMMAND_ABSENT;
    }
    return is_enabled ? AGENT_COMMAND_ENABLED : AGENT_COMMAND_BLOCKED;
}

gboolean agent_require_command(const Agent *agent, const char *command,
                               GError **error)
{
    switch (agent_command_state(agent, command)) {
    case AGENT_COMMAND_ENABLED:
        return TRUE;
    case AGENT_COMMAND_BLOCKED:
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_NO_COMMAND,
                    "the guest's agent blocks %s; allow it in the guest's "
                    "qemu-ga configuration (allow-rpcs or block-rpcs) and "
                    "restart qemu-ga",
                    command);
        return FALSE;
    case AGENT_COMMAND_ABSENT:
    default:
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_NO_COMMAND,
                    "the guest's agent does not know %s; use a newer qemu-ga",
                    command);
        return FALSE;
    }
}

json_object *agent_execute(Agent *agent, const char *command,
                           json_object *arguments, unsigned timeout_ms,
                           GError **error)
{
    return guest_link_agent_execute(agent->link, command, arguments, timeout_ms,
                                    error);
}

static gboolean throw_nonsense(const char *command, GError **error)
{
    g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL,
                "the guest's agent gave an answer to %s that makes no sense",
                command);
    return FALSE;
}

gboolean agent_exec(Agent *agent, const char *const *argv, int64_t *pid,
                    GError **error)
{
    json_object *arguments = json_object_new_object();
    json_object *list = json_object_new_array();
    g_autoptr(json_object) answer = NULL;

    for (size_t i = 1; argv[i]; i++) {
        json_object_array_add(list, json_object_new_string(argv[i]));
    }
    json_object_object_add(arguments, "path", json_object_new_string(argv[0]));
    json_object_object_add(arguments, "arg", list);
    json_object_object_add(arguments, "capture-output",
                           json_object_new_boolean(TRUE));
    answer =
        agent_execute(agent, "guest-exec", arguments, EXEC_TIMEOUT_MS, error);
    if (!answer) {
        return FALSE;
    }
    if (!json_read_int64(answer, "pid", 1, INT64_MAX, pid)) {
        return throw_nonsense("guest-exec", error);
    }
    return TRUE;
}

static GBytes *read_base64(json_object *answer, const char *key)
{
    const char *text = json_read_string(answer, key, MAX_BASE64);
    gsize length;
    guchar *data;

    if (!text) {
        return NULL;
    }
    data = g_base64_decode(text, &length);
    return g_bytes_new_take(data, length);
}

gboolean agent_exec_status(Agent *agent, int64_t pid, AgentProcess *process,
                           GError **error)
{
    json_object *arguments = json_object_new_object();
    g_autoptr(json_object) answer = NULL;
    gboolean out_truncated = FALSE, err_truncated = FALSE;
    int64_t value;

    *process = (AgentProcess){0};
    json_object_object_add(arguments, "pid", json_object_new_int64(pid));
    answer = agent_execute(agent, "guest-exec-status", arguments,
                           EXEC_TIMEOUT_MS, error);
    if (!answer) {
        return FALSE;
    }
    if (!json_read_bool(answer, "exited", &process->exited)) {
        return throw_nonsense("guest-exec-status", error);
    }
    if (!process->exited) {
        return TRUE;
    }
    if (json_read_int64(answer, "exitcode", 0, 255, &value)) {
        process->exit_code = value;
    } else if (json_read_int64(answer, "signal", 1, 127, &value)) {
        process->exit_code = 128 + value;
    } else {
        return throw_nonsense("guest-exec-status", error);
    }
    process->output = read_base64(answer, "out-data");
    process->errors = read_base64(answer, "err-data");
    json_read_bool(answer, "out-truncated", &out_truncated);
    json_read_bool(answer, "err-truncated", &err_truncated);
    process->truncated = out_truncated || err_truncated;
    return TRUE;
}

/* Until it has exited; name is for the error. */
static gboolean wait_exited(Agent *agent, int64_t pid, const char *name,
                            unsigned timeout_ms, AgentProcess *process,
                            GError **error)
{
    gint64 deadline = json_channel_deadline(timeout_ms);
    unsigned poll_ms = FIRST_POLL_MS;

    for (;;) {
        if (!agent_exec_status(agent, pid, process, error)) {
            return FALSE;
        }
        if (process->exited) {
            return TRUE;
        }
        if (g_get_monotonic_time() > deadline) {
            g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_TIMEOUT,
                        "'%s' in the guest has not ended after %u s", name,
                        timeout_ms / 1000);
            return FALSE;
        }
        g_usleep(poll_ms * 1000);
        poll_ms = MIN(2 * poll_ms, LAST_POLL_MS);
    }
}

gboolean agent_exec_wait(Agent *agent, const char *const *argv,
                         unsigned timeout_ms, AgentProcess *process,
                         GError **error)
{
    int64_t pid;

    *process = (AgentProcess){0};
    return agent_exec(agent, argv, &pid, error) &&
           wait_exited(agent, pid, argv[0], timeout_ms, process, error);
}

/* By the shell: not every guest has a program kill. */
static void send_signal(Agent *agent, int64_t pid, const char *name)
{
    g_autofree char *text =
        g_strdup_printf("kill -s %s %" G_GINT64_FORMAT, name, pid);
    const char *const argv[] = {"sh", "-c", text, NULL};
    g_auto(AgentProcess) process = {0};

    agent_exec_wait(agent, argv, EXEC_TIMEOUT_MS, &process, NULL);
}

gboolean agent_exec_end(Agent *agent, int64_t pid, AgentProcess *process,
                        GError **error)
{
    static const char *const signals[] = {"TERM", "KILL"};
    GError *cause = NULL;

    /* The number is its own, and no newer process's, until this says so. */
    if (!agent_exec_status(agent, pid, process, error) || process->exited) {
        return process->exited;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        g_clear_error(&cause);
        send_signal(agent, pid, signals[i]);
        if (wait_exited(agent, pid, "the command", KILL_TIMEOUT_MS, process,
                        &cause)) {
            return TRUE;
        }
    }
    g_propagate_error(error, cause);
    return FALSE;
}

void agent_process_clear(AgentProcess *process)
{
    g_clear_pointer(&process->output, g_bytes_unref);
    g_clear_pointer(&process->errors, g_bytes_unref);
}
