/*
 * Taking out of a guest what a recording has put into it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/guest-leavings.h"

#include "connection/connection-error.h"
#include "connection/guest-file.h"
#include "connection/guest-trace.h"

#define STOP_TIMEOUT_S 5
#define RETRY_US       (15 * G_USEC_PER_SEC)
#define RETRY_POLL_US  (G_USEC_PER_SEC / 2)

gboolean guest_leavings_exist(const GuestLeavings *leavings)
{
    return leavings->is_plugged || leavings->program_file ||
           leavings->stream_file || leavings->command_pid;
}

void guest_leavings_clear(GuestLeavings *leavings)
{
    leavings->is_plugged = FALSE;
    g_clear_pointer(&leavings->program_file, g_free);
    g_clear_pointer(&leavings->stream_file, g_free);
    leavings->command_pid = 0;
}

/* Where it is the first one, it becomes the error of all. */
static void keep_error(GError **first, GError *error)
{
    if (error && !*first) {
        *first = error;
    } else if (error) {
        g_error_free(error);
    }
}

static void remove_file(char **path, Agent *agent, GError **first)
{
    GError *error = NULL;

    if (!*path || !agent) {
        return;
    }
    if (guest_file_remove(agent, *path, &error)) {
        g_clear_pointer(path, g_free);
    } else {
        g_prefix_error(&error, "cannot remove '%s' from the guest: ", *path);
        keep_error(first, error);
    }
}

/*
 * The recorder itself, and what it keeps for a next run that it won't have.
 * Only it can remove that, so it goes last.
 */
static void remove_program(GuestLeavings *leavings, Agent *agent,
                           GError **first)
{
    GuestTracer tracer = {.agent = agent, .program = leavings->program_file};
    GError *error = NULL;

    if (!leavings->program_file || !agent) {
        return;
    }
    if (guest_trace_forget(&tracer, &error)) {
        remove_file(&leavings->program_file, agent, first);
    } else {
        g_prefix_error(&error, "cannot remove '%s' from the guest: ",
                       leavings->program_file);
        keep_error(first, error);
    }
}

/* One that the agent doesn't know (any more) is none of ours to end. */
static void end_command(GuestLeavings *leavings, Agent *agent)
{
    g_auto(AgentProcess) process = {0};

    if (leavings->command_pid && agent) {
        agent_exec_end(agent, leavings->command_pid, &process, NULL);
        leavings->command_pid = 0;
    }
}

gboolean guest_leavings_remove(GuestLeavings *leavings, GuestLink *link,
                               Agent *agent, GError **error)
{
    GError *first = NULL;
    GError *unplug_error = NULL;

    end_command(leavings, agent);
    remove_file(&leavings->stream_file, agent, &first);
    remove_program(leavings, agent, &first);
    if (leavings->is_plugged && guest_link_unplug_trace(link, &unplug_error)) {
        leavings->is_plugged = FALSE;
    }
    keep_error(&first, unplug_error);
    if (first) {
        g_propagate_error(error, first);
        return FALSE;
    }
    return TRUE;
}

/* Nobody waits for what it has recorded. */
static void stop_recorder(const GuestLeavings *leavings, Agent *agent)
{
    GuestTracer tracer = {agent, leavings->program_file, leavings->stream_file};
    g_auto(GuestTraceStatus) status = {0};

    if (agent_command_state(agent, "guest-exec") == AGENT_COMMAND_ENABLED) {
        guest_trace_stop(&tracer, STOP_TIMEOUT_S, &status, NULL);
    }
}

/* What needs an agent needs a guest that runs. */
static gboolean remove_once(GuestLeavings *leavings,
                            const GuestAddress *address, GError **error)
{
    gboolean needs_agent = leavings->program_file || leavings->stream_file ||
                           leavings->command_pid;
    g_autoptr(GuestLink) link = guest_address_open(address, error);
    g_autoptr(Agent) agent = NULL;
    g_autoptr(GError) agent_error = NULL;

    if (!link) {
        return FALSE;
    }
    if (needs_agent && guest_link_check_running(link, &agent_error)) {
        agent = agent_new(link, &agent_error);
    }
    if (agent) {
        end_command(leavings, agent);
        stop_recorder(leavings, agent);
    }
    if (!guest_leavings_remove(leavings, link, agent, error)) {
        return FALSE;
    }
    if (agent_error) {
        g_propagate_error(error, g_steal_pointer(&agent_error));
        return FALSE;
    }
    return TRUE;
}

gboolean guest_leavings_remove_anew(GuestLeavings *leavings,
                                    const GuestAddress *address, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + RETRY_US;
    GError *cause = NULL;

    while (!remove_once(leavings, address, &cause)) {
        /* A QEMU that has ended took all of it along. */
        if (g_error_matches(cause, CONNECTION_ERROR,
                            address->domain ? CONNECTION_ERROR_NO_GUEST
                                            : CONNECTION_ERROR_CONNECT)) {
            g_error_free(cause);
            return TRUE;
        }
        if (g_get_monotonic_time() > end_us) {
            g_propagate_error(error, cause);
            return FALSE;
        }
        g_clear_error(&cause);
        g_usleep(RETRY_POLL_US);
    }
    return TRUE;
}
