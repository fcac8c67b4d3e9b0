/*
 * Qmp: greeting, answers, late answers, events.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "connection/connection-error.h"
#include "connection/host-ticks.h"
#include "connection/json-read.h"
#include "connection/qmp.h"
#include "line-peer.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define STOP     "{\"event\": \"STOP\", \"timestamp\": {\"seconds\": 1}}\r\n"
#define NEWS     "{\"event\": \"BALLOON_CHANGE\", \"data\": {}}\r\n"

static char *answer(const char *line, gpointer data G_GNUC_UNUSED)
{
    gint64 id = line_peer_number(line, "id");

    if (strstr(line, "qmp_capabilities")) {
        return g_strdup_printf(NEWS "{\"return\": {}, \"id\": %" PRId64 "}\n",
                               id);
    }
    if (strstr(line, "slow")) {
        return NULL;
    }
    if (strstr(line, "unknown")) {
        return g_strdup_printf("{\"error\": {\"class\": \"CommandNotFound\", "
                               "\"desc\": \"no\"}, \"id\": %" PRId64 "}\n",
                               id);
    }
    if (strstr(line, "null")) {
        return g_strdup_printf("{\"return\": null, \"id\": %" PRId64 "}\n", id);
    }
    /* The answer to an earlier command, an event, and then the answer. */
    return g_strdup_printf("{\"return\": {\"n\": 1}, \"id\": %" PRId64 "}" STOP
                           "{\"return\": {\"n\": 2}, \"id\": %" PRId64 "}\n",
                           id - 1, id);
}

static Qmp *connect_peer(LinePeer **peer)
{
    g_autoptr(GError) error = NULL;
    Qmp *qmp;
    int fd;

    *peer = line_peer_start(GREETING, answer, NULL, &fd);
    qmp = qmp_new(fd, "the peer", &error);
    g_assert_no_error(error);
    return qmp;
}

static void test_execute(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_object) result = NULL;
    uint64_t before = host_ticks_now();
    LinePeer *peer;
    Qmp *qmp = connect_peer(&peer);
    GuestEvent event;
    int64_t n = 0;

    result = qmp_execute(qmp, "query", json_object_new_object(), 5000, &error);
    g_assert_no_error(error);
    g_assert_true(json_read_int64(result, "n", 0, 9, &n));
    g_assert_cmpint(n, ==, 2);
    g_assert_true(qmp_next_event(qmp, &event));
    g_assert_cmpint(event.kind, ==, GUEST_EVENT_STOP);
    g_assert_cmpuint(event.host_ticks, >, before);
    g_assert_cmpuint(event.host_ticks, <, host_ticks_now());
    g_assert_false(qmp_next_event(qmp, &event));
    g_assert_true(qmp_pump(qmp, &error));
    qmp_free(qmp);
    line_peer_join(peer);
}

static void expect_error(const char *command, ConnectionError code)
{
    g_autoptr(GError) error = NULL;
    LinePeer *peer;
    Qmp *qmp = connect_peer(&peer);

    g_assert_null(qmp_execute(qmp, command, NULL, 100, &error));
    g_assert_error(error, CONNECTION_ERROR, (gint)code);
    qmp_free(qmp);
    line_peer_join(peer);
}

static void test_errors(void)
{
    expect_error("unknown", CONNECTION_ERROR_NO_COMMAND);
    expect_error("null", CONNECTION_ERROR_PROTOCOL);
    expect_error("slow", CONNECTION_ERROR_TIMEOUT);
}

static void test_no_qmp(void)
{
    g_autoptr(GError) error = NULL;
    int fd;
    LinePeer *peer = line_peer_start("{\"hello\": 1}\n", answer, NULL, &fd);

    g_assert_null(qmp_new(fd, "the peer", &error));
    g_assert_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL);
    line_peer_join(peer);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qmp/execute", test_execute);
    g_test_add_func("/qmp/errors", test_errors);
    g_test_add_func("/qmp/no-qmp", test_no_qmp);
    return g_test_run();
}
