/*
 * JsonChannel: framing, and the bounds that a hostile peer meets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection/connection-error.h"
#include "connection/json-channel.h"
#include "connection/json-read.h"

#define MAX_BYTES 1000000

typedef struct Fixture {
    JsonChannel *channel;
    int peer;
} Fixture;

static void set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    g_assert_cmpint(fcntl(fds[0], F_SETFL, O_NONBLOCK), ==, 0);
    g_assert_cmpint(fcntl(fds[1], F_SETFL, O_NONBLOCK), ==, 0);
    f->channel = json_channel_new(fds[0], "the peer", MAX_BYTES);
    f->peer = fds[1];
}

static void tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    json_channel_free(f->channel);
    close(f->peer);
}

static void put(Fixture *f, const char *text)
{
    g_assert_cmpint(write(f->peer, text, strlen(text)), ==, strlen(text));
}

/* Gets a message {"n": NUMBER}. */
static void expect_number(Fixture *f, int64_t number)
{
    g_autoptr(json_object) message = NULL;
    g_autoptr(GError) error = NULL;
    int64_t found = -1;

    g_assert_cmpint(json_channel_receive(f->channel, 0, &message, &error), ==,
                    JSON_CHANNEL_MESSAGE);
    g_assert_no_error(error);
    g_assert_true(json_read_int64(message, "n", 0, 1000, &found));
    g_assert_cmpint(found, ==, number);
}

static void expect_timeout(Fixture *f)
{
    g_autoptr(json_object) message = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(json_channel_receive(f->channel, 0, &message, &error), ==,
                    JSON_CHANNEL_TIMEOUT);
    g_assert_no_error(error);
}

static void expect_failure(Fixture *f, ConnectionError code)
{
    g_autoptr(json_object) message = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(json_channel_receive(f->channel, 0, &message, &error), ==,
                    JSON_CHANNEL_FAILED);
    g_assert_error(error, CONNECTION_ERROR, (gint)code);
}

static void test_pieces(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    put(f, " \r\n{\"n\": ");
    expect_timeout(f);
    put(f, "1}\r\n{\"n\":2}{\"n\"");
    expect_number(f, 1);
    expect_number(f, 2);
    expect_timeout(f);
    put(f, ":3}");
    expect_number(f, 3);
    expect_timeout(f);
}

static void test_closed(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    put(f, "{\"n\": 1}{\"n\"");
    shutdown(f->peer, SHUT_WR);
    expect_number(f, 1);
    expect_failure(f, CONNECTION_ERROR_CLOSED);
}

static void test_no_object(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    put(f, "[1, 2]\n");
    expect_failure(f, CONNECTION_ERROR_PROTOCOL);
}

static void test_nonsense(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    put(f, "{\"n\": }\n");
    expect_failure(f, CONNECTION_ERROR_PROTOCOL);
}

static void test_too_deep(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *deep = g_strnfill(1000, '[');

    put(f, "{\"n\":");
    put(f, deep);
    expect_failure(f, CONNECTION_ERROR_PROTOCOL);
}

static gpointer flood(gpointer data)
{
    Fixture *f = data;
    static const char values[] = "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,";

    fcntl(f->peer, F_SETFL, 0);
    send(f->peer, "{\"n\":[", 6, MSG_NOSIGNAL);
    while (send(f->peer, values, strlen(values), MSG_NOSIGNAL) > 0) {
        /* until the reader gives up */
    }
    return NULL;
}

/* What the peer sends is more than is taken, which is told. */
static void expect_too_much(Fixture *f, GThreadFunc send_much)
{
    GThread *thread = g_thread_new("flood", send_much, f);
    g_autoptr(json_object) message = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(json_channel_receive(f->channel,
                                         json_channel_deadline(10000), &message,
                                         &error),
                    ==, JSON_CHANNEL_FAILED);
    g_assert_error(error, CONNECTION_ERROR, CONNECTION_ERROR_PROTOCOL);
    g_clear_pointer(&f->channel, json_channel_free);
    g_thread_join(thread);
}

/* Values cost more memory than text: they end it long before MAX_BYTES. */
static void test_too_many_values(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    expect_too_much(f, flood);
}

static gpointer flood_string(gpointer data)
{
    Fixture *f = data;
    g_autofree char *text = g_strnfill(10000, 'x');

    fcntl(f->peer, F_SETFL, 0);
    send(f->peer, "{\"n\":\"", 6, MSG_NOSIGNAL);
    while (send(f->peer, text, 10000, MSG_NOSIGNAL) > 0) {
        /* until the reader gives up */
    }
    return NULL;
}

static void test_too_long(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    expect_too_much(f, flood_string);
}

static void test_mark(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    put(f, "{\"half of an answer\": [\xff{\"n\": 5}\n");
    expect_failure(f, CONNECTION_ERROR_PROTOCOL);
    g_assert_cmpint(json_channel_skip_to_mark(
                        f->channel, json_channel_deadline(1000), &error),
                    ==, JSON_CHANNEL_MESSAGE);
    expect_number(f, 5);
    put(f, "{\"n\": 4}\xff{\"n\": 6}\n");
    g_assert_cmpint(json_channel_skip_to_mark(
                        f->channel, json_channel_deadline(1000), &error),
                    ==, JSON_CHANNEL_MESSAGE);
    expect_number(f, 6);
    g_assert_cmpint(json_channel_skip_to_mark(
                        f->channel, json_channel_deadline(10), &error),
                    ==, JSON_CHANNEL_TIMEOUT);
}

static void test_unread(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(json_object) message = json_object_new_object();
    g_autofree char *text = g_strnfill(1 << 20, 'x');
    g_autoptr(GError) error = NULL;

    json_object_object_add(message, "text", json_object_new_string(text));
    g_assert_false(json_channel_send(f->channel, "", message,
                                     json_channel_deadline(50), &error));
    g_assert_error(error, CONNECTION_ERROR, CONNECTION_ERROR_TIMEOUT);
}

static void test_printable(void)
{
    g_autofree char *text =
        json_printable(" a\nb\x1b[31m\xff \xe2\x80\xae\xc3\xa9 ", 100);
    g_autofree char *lines = json_printable("a\xe2\x80\xa8"
                                            "b",
                                            100);
    g_autofree char *cut = json_printable("0123456789", 4);

    g_assert_null(strchr(text, '\x1b'));
    g_assert_null(strstr(text, "\xe2\x80\xae"));
    g_assert_true(g_str_has_prefix(text, "a b?[31m"));
    g_assert_true(g_str_has_suffix(text, "\xc3\xa9"));
    g_assert_cmpstr(cut, ==, "0123");
    g_assert_cmpstr(lines, ==, "a???b");
}

static void add(const char *path, void (*test)(Fixture *, gconstpointer))
{
    g_test_add(path, Fixture, NULL, set_up, test, tear_down);
}

/* A message that never ends, of a peer that never rests. */
static gpointer dribble(gpointer data)
{
    int fd = GPOINTER_TO_INT(data);

    fcntl(fd, F_SETFL, 0);
    while (send(fd, "x", 1, MSG_NOSIGNAL) == 1) {
        /* the next one */
    }
    return NULL;
}

static void test_dribble(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    JsonChannel *endless =
        json_channel_new(dup(json_channel_fd(f->channel)), "it", G_MAXSIZE);
    g_autoptr(json_object) message = NULL;
    g_autoptr(GError) error = NULL;
    GThread *thread;

    put(f, "{\"text\": \"");
    thread = g_thread_new("dribble", dribble, GINT_TO_POINTER(f->peer));
    g_assert_cmpint(json_channel_receive(endless, json_channel_deadline(50),
                                         &message, &error),
                    ==, JSON_CHANNEL_TIMEOUT);
    g_assert_no_error(error);
    shutdown(json_channel_fd(endless), SHUT_RDWR);
    g_thread_join(thread);
    json_channel_free(endless);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/json-channel/pieces", test_pieces);
    add("/json-channel/closed", test_closed);
    add("/json-channel/no-object", test_no_object);
    add("/json-channel/nonsense", test_nonsense);
    add("/json-channel/too-deep", test_too_deep);
    add("/json-channel/too-many-values", test_too_many_values);
    add("/json-channel/too-long", test_too_long);
    add("/json-channel/dribble", test_dribble);
    add("/json-channel/mark", test_mark);
    add("/json-channel/unread", test_unread);
    g_test_add_func("/json-channel/printable", test_printable);
    return g_test_run();
}
