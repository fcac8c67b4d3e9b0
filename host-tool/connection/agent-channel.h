/*
 * AgentChannel: commands to a guest's QEMU agent over a local socket.
 *
 * Whatever comes from there was written by the guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef AGENT_CHANNEL_H
#define AGENT_CHANNEL_H

#include <glib.h>
#include <json-c/json.h>

typedef struct AgentChannel AgentChannel;

AgentChannel *agent_channel_connect(const char *path, GError **error);
/* Speaks over a socket that is connected already; takes fd over. */
AgentChannel *agent_channel_new(int fd, const char *peer);
void agent_channel_free(AgentChannel *channel);

/* Whether anything in the guest has the channel open, or that is not known. */
typedef gboolean (*AgentChannelLook)(gpointer data);

/* What an answer that does not come is looked for by; data must outlive it. */
void agent_channel_set_look(AgentChannel *channel, AgentChannelLook look,
                            gpointer data);

/*
 * Synchronizes, runs command with arguments (consumed, may be NULL) and
 * returns its "return" member, the caller's.  A channel that timed out may be
 * used again: the next command skips the answers that come late.  An agent that
 * ended instead of answering is a TIMEOUT, too, but told within seconds.
 */
json_object *agent_channel_execute(AgentChannel *channel, const char *command,
                                   json_object *arguments, unsigned timeout_ms,
                                   GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgentChannel, agent_channel_free)

#endif
