/*
 * AgentChannel: synchronizing with an agent that may be in any state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "connection/agent-channel.h"
#include "connection/connection-error.h"
#include "connection/json-read.h"
#include "line-peer.h"

/* How the agent behaves: a bit for each oddity. */
enum {
    STALE = 1 << 0,      /* old answers, whole and half, before each one */
    FIRST_MUTE = 1 << 1, /* the first command's answer comes too late */
    BUSY = 1 << 2,       /* it comes when more is asked, and before that */
};

typedef struct Behaviour {
    int flags;
    int n_commands;
} Behaviour;

static char *answer(const char *line, gpointer data)
{
    Behaviour *behaviour = data;

    if (strstr(line, "guest-sync-delimited")) {
        /* A late answer to the command before, then the mark. */
        return g_strdup_printf(
            "%s\xff{\"return\": %" PRId64 "}\n",
            behaviour->flags & STALE
                ? "{\"return\": {\"n\": 1}}\n\xff{\"return\": 5}\n{\"ret"
                : "",
            line_peer_number(line, "id"));
    }
    if (strstr(line, "guest-sync")) {
        return g_strdup_printf("%s{\"return\": %" PRId64 "}\n",
                               behaviour->flags & BUSY
                                   ? "{\"return\": {\"n\": 2}}\n"
                                   : "",
                               line_peer_number(line, "id"));
    }
    behaviour->n_commands++;
    if (behaviour->flags & FIRST_MUTE && behaviour->n_commands == 1) {
        return NULL;
    }
    if (strstr(line, "blocked")) {
        return g_strdup("{\"error\": {\"class\": \"CommandNotFound\", "
                        "\"desc\": \"Command blocked has been disabled\"}}\n");
    }
    if (strstr(line, "fails")) {
        return g_strdup("{\"error\": {\"class\": \"GenericError\", "
                        "\"desc\": \"evil \\u001b[2J text\"}}\n");
    }
    if (strstr(line, "nothing")) {
        return g_strdup("{\"return\": null}\n");
    }
    return g_strdup("{\"return\": {\"n\": 2}}\n");
}

static gboolean is_closed(G_GNUC_UNUSED gpointer data)
{
    return FALSE;
}

static void expect_answer(AgentChannel *channel)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_object) result =
        agent_channel_execute(channel, "works", json_object_new_object(), 5000,
                              &error);
    int64_t n = 0;

    g_assert_no_error(error);
    g_assert_true(json_read_int64(result, "n", 0, 9, &n));
    g_assert_cmpint(n, ==, 2);
}

static GError *expect_error(AgentChannel *channel, const char *command,
                            ConnectionError code)
{
    GError *error = NULL;

    g_assert_null(agent_channel_execute(channel, command, NULL, 200, &error));
    g_assert_error(error, CONNECTION_ERROR, (gint)code);
    return error;
}

static void test_stale(void)
{
    Behaviour behaviour = {.flags = STALE};
    int fd;
    LinePeer *peer = line_peer_start("{\"return\": {\"n\": 9}}\n{\"re", answer,
                                     &behaviour, &fd);
    AgentChannel *channel = agent_channel_new(fd, "the agent");

    expect_answer(channel);
    expect_answer(channel);
    agent_channel_free(channel);
    line_peer_join(peer);
}

static void test_late(void)
{
    Behaviour behaviour = {.flags = FIRST_MUTE};
    int fd;
    LinePeer *peer = line_peer_start(NULL, answer, &behaviour, &fd);
    AgentChannel *channel = agent_channel_new(fd, "the agent");

    g_error_free(expect_error(channel, "slow", CONNECTION_ERROR_TIMEOUT));
    expect_answer(channel);
    agent_channel_free(channel);
    line_peer_join(peer);
}

/* Long before its time is up: it says that it has waited in vain. */
static void expect_gone(AgentChannel *channel, const char *how)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(
        agent_channel_execute(channel, "slow", NULL, G_MAXINT32 / 2, &error));
    g_assert_error(error, CONNECTION_ERROR, CONNECTION_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(error->message, how));
}

static void test_restarted(void)
{
    Behaviour behaviour = {.flags = FIRST_MUTE};
    int fd;
    LinePeer *peer = line_peer_start(NULL, answer, &behaviour, &fd);
    AgentChannel *channel = agent_channel_new(fd, "the agent");

    expect_gone(channel, "started anew");
    expect_answer(channel);
    agent_channel_free(channel);
    line_peer_join(peer);
}

static void test_ended(void)
{
    Behaviour behaviour = {.flags = FIRST_MUTE};
    int fd;
    LinePeer *peer = line_peer_start(NULL, answer, &behaviour, &fd);
    AgentChannel *channel = agent_channel_new(fd, "the agent");

    agent_channel_set_look(channel, is_closed, NULL);
    expect_gone(channel, "has ended");
    agent_channel_free(channel);
    line_peer_join(peer);
}

static void test_busy(void)
{
    Behaviour behaviour = {.flags = FIRST_MUTE | BUSY};
    int fd;
    LinePeer *peer = line_peer_start(NULL, answer, &behaviour, &fd);
    AgentChannel *channel = agent_channel_new(fd, "the agent");

    /* The second comes after the answer to what was asked meanwhile. */
    expect_answer(channel);
    expect_answer(channel);
    agent_channel_free(channel);
    line_peer_join(peer);
}

static void test_errors(void)
{
    Behaviour behaviour = {0};
    int fd;
    LinePeer *peer = line_peer_start(NULL, answer, &behaviour, &fd);
    AgentChannel *channel = agent_channel_new(fd, "the agent");
    g_autoptr(GError) evil = NULL;

    g_error_free(expect_error(channel, "blocked", CONNECTION_ERROR_NO_COMMAND));
    g_error_free(expect_error(channel, "nothing", CONNECTION_ERROR_PROTOCOL));
    evil = expect_error(channel, "fails", CONNECTION_ERROR_REFUSED);
    g_assert_null(strchr(evil->message, '\x1b'));
    agent_channel_free(channel);
    line_peer_join(peer);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent-channel/stale", test_stale);
    g_test_add_func("/agent-channel/late", test_late);
    g_test_add_func("/agent-channel/restarted", test_restarted);
    g_test_add_func("/agent-channel/ended", test_ended);
    g_test_add_func("/agent-channel/busy", test_busy);
    g_test_add_func("/agent-channel/errors", test_errors);
    return g_test_run();
}
