/*
 * A thread that answers lines.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "line-peer.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct LinePeer {
    int fd;
    char *greeting;
    LinePeerAnswer answer;
    gpointer data;
    GThread *thread;
};

static void send_text(const LinePeer *peer, const char *text)
{
    size_t length = text ? strlen(text) : 0;

    while (length > 0) {
        ssize_t n = send(peer->fd, text, length, MSG_NOSIGNAL);

        if (n <= 0) {
            return;
        }
        text += n;
        length -= n;
    }
}

static gpointer run(gpointer data)
{
    LinePeer *peer = data;
    g_autoptr(GString) line = g_string_new(NULL);
    char c;

    send_text(peer, peer->greeting);
    while (read(peer->fd, &c, 1) == 1) {
        if (c == '\n') {
            g_autofree char *text = peer->answer(line->str, peer->data);

            send_text(peer, text);
            g_string_truncate(line, 0);
        } else {
            g_string_append_c(line, c);
        }
    }
    return NULL;
}

LinePeer *line_peer_start(const char *greeting, LinePeerAnswer answer,
                          gpointer data, int *fd)
{
    LinePeer *peer = g_new0(LinePeer, 1);
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    g_assert_cmpint(fcntl(fds[0], F_SETFL, O_NONBLOCK), ==, 0);
    peer->fd = fds[1];
    peer->greeting = g_strdup(greeting);
    peer->answer = answer;
    peer->data = data;
    peer->thread = g_thread_new("peer", run, peer);
    *fd = fds[0];
    return peer;
}

void line_peer_join(LinePeer *peer)
{
    g_thread_join(peer->thread);
    close(peer->fd);
    g_free(peer->greeting);
    g_free(peer);
}

gint64 line_peer_number(const char *line, const char *key)
{
    g_autofree char *quoted = g_strdup_printf("\"%s\":", key);
    const char *found = strstr(line, quoted);

    g_assert_nonnull(found);
    return g_ascii_strtoll(found + strlen(quoted), NULL, 10);
}
