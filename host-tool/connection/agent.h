/*
 * Agent: what the agent in a guest can do, and running programs through it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef AGENT_H
#define AGENT_H

#include <glib.h>

#include "connection/guest-link.h"

typedef struct Agent Agent;

typedef enum AgentCommandState {
    AGENT_COMMAND_ABSENT,  /* this agent doesn't know it */
    AGENT_COMMAND_BLOCKED, /* it does, but may not run it */
    AGENT_COMMAND_ENABLED,
} AgentCommandState;

/* A program that was run in the guest. */
typedef struct AgentProcess {
    gboolean exited;
    int exit_code;  /* 128 + the signal's number if one killed it */
    GBytes *output; /* NULL if there was none; so is errors */
    GBytes *errors;
    gboolean truncated; /* the agent kept only the beginning of them */
} AgentProcess;

/* Asks the agent what it knows.  The link must outlive the agent. */
Agent *agent_new(GuestLink *link, GError **error);
void agent_free(Agent *agent);

AgentCommandState agent_command_state(const Agent *agent, const char *command);

/*
 * An error that says which command is missing or blocked and how to get it,
 * if it isn't enabled.
 */
gboolean agent_require_command(const Agent *agent, const char *command,
                               GError **error);

/* The "return" member, the caller's; arguments is consumed, may be NULL. */
json_object *agent_execute(Agent *agent, const char *command,
                           json_object *arguments, unsigned timeout_ms,
                           GError **error);

/* Starts argv in the guest with its output captured. */
gboolean agent_exec(Agent *agent, const char *const *argv, int64_t *pid,
                    GError **error);

/* Looks at what agent_exec() started; process->exited tells whether it ended,
 * after which pid is no longer valid. */
gboolean agent_exec_status(Agent *agent, int64_t pid, AgentProcess *process,
                           GError **error);

/* Runs argv to its end; a TIMEOUT leaves it running. */
gboolean agent_exec_wait(Agent *agent, const char *const *argv,
                         unsigned timeout_ms, AgentProcess *process,
                         GError **error);

/*
 * Ends what agent_exec() started, with SIGTERM or else SIGKILL.  *process is
 * as by agent_exec_status(), and says that it exited unless this fails.
 */
gboolean agent_exec_end(Agent *agent, int64_t pid, AgentProcess *process,
                        GError **error);

void agent_process_clear(AgentProcess *process);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Agent, agent_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AgentProcess, agent_process_clear)

#endif
