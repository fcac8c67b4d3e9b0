/*
 * What QEMU's monitor and a guest's agent may say: framed as JSON, and each
 * message then taken for the answer to what we ask.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection/agent.h"
#include "connection/guest-trace.h"
#include "connection/json-channel.h"
#include "connection/offset-query.h"
#include "connection/vcpu-list.h"
#include "fuzz-file.h"

/* As much as a socket takes at once. */
#define MAX_BYTES   (64u << 10)
#define MAX_MESSAGE (32u << 10)

/* A guest that answers with the messages in turn. */
typedef struct FuzzLink {
    GuestLink link;
    GPtrArray *answers; /* of json_object */
    guint next;
} FuzzLink;

static json_object *next_answer(GuestLink *link, const char *command,
                                json_object *arguments,
                                G_GNUC_UNUSED unsigned timeout_ms,
                                GError **error)
{
    FuzzLink *fuzz = (FuzzLink *)link;

    json_object_put(arguments);
    if (fuzz->next == fuzz->answers->len) {
        g_set_error(error, G_FILE_ERROR, 0, "no answer to %s", command);
        return NULL;
    }
    return json_object_get(fuzz->answers->pdata[fuzz->next++]);
}

static void answer_free(gpointer data)
{
    json_object_put(data);
}

static const GuestLinkOps ops = {
    .qmp_execute = next_answer,
    .agent_execute = next_answer,
};

static void ask_monitor(FuzzLink *fuzz)
{
    for (guint i = 0; i < fuzz->answers->len; i++) {
        g_autoptr(OffsetQuery) query =
            offset_query_parse(fuzz->answers->pdata[i], NULL);
    }
    fuzz->next = 0;
    while (fuzz->next < fuzz->answers->len) {
        g_autoptr(OffsetQuery) query =
            offset_query_run(&fuzz->link, OFFSET_FRESH, NULL);
    }
    fuzz->next = 0;
    while (fuzz->next < fuzz->answers->len) {
        guint before = fuzz->next;
        g_autoptr(OffsetQuery) list = vcpu_list_query(&fuzz->link, NULL);

        g_assert_cmpuint(fuzz->next, >, before);
    }
}

static void ask_agent(FuzzLink *fuzz)
{
    g_autoptr(Agent) agent = NULL;
    GuestTracer tracer = {0};

    fuzz->next = 0;
    agent = agent_new(&fuzz->link, NULL);
    if (!agent) {
        return;
    }
    tracer.agent = agent;
    guest_trace_check(&tracer, NULL);
    while (fuzz->next < fuzz->answers->len) {
        g_auto(GuestTraceStatus) status = {0};
        g_auto(AgentProcess) process = {0};
        int64_t pid;
        const char *const argv[] = {"true", NULL};

        fuzz->next++;
        guest_trace_status(&tracer, &status, NULL);
        if (agent_exec(agent, argv, &pid, NULL)) {
            agent_exec_status(agent, pid, &process, NULL);
        }
    }
}

static void receive_all(JsonChannel *channel, GPtrArray *answers)
{
    json_object *message;

    while (json_channel_receive(channel, 0, &message, NULL) ==
           JSON_CHANNEL_MESSAGE) {
        g_ptr_array_add(answers, message);
    }
}

static JsonChannel *channel_of(const uint8_t *bytes, size_t size)
{
    int fds[2];

    g_assert_cmpint(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
        ==, 0);
    g_assert_cmpint(write(fds[1], bytes, size), ==, (ssize_t)size);
    close(fds[1]);
    return json_channel_new(fds[0], "a peer", MAX_MESSAGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    g_autoptr(GPtrArray) answers = g_ptr_array_new_with_free_func(answer_free);
    FuzzLink fuzz = {.link = {.ops = &ops}, .answers = answers};

    if (size > MAX_BYTES) {
        return 0;
    }
    {
        g_autoptr(JsonChannel) channel = channel_of(bytes, size);
        g_autoptr(JsonChannel) marked = channel_of(bytes, size);

        receive_all(channel, answers);
        if (json_channel_skip_to_mark(marked, 0, NULL) ==
            JSON_CHANNEL_MESSAGE) {
            receive_all(marked, answers);
        }
    }
    ask_monitor(&fuzz);
    ask_agent(&fuzz);
    return 0;
}
