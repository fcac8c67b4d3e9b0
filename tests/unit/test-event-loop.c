/*
 * EventLoop: watches and timers behind one descriptor.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection/event-loop.h"

typedef struct Seen {
    EventLoop *loop;
    int id;
    unsigned n_calls;
    unsigned n_frees;
    gboolean removes_itself;
} Seen;

static void on_ready(int id, int fd, uint32_t events, gpointer data)
{
    Seen *seen = data;
    char byte;

    g_assert_cmpint(id, ==, seen->id);
    g_assert_true(events & EPOLLIN);
    g_assert_cmpint(read(fd, &byte, 1), ==, 1);
    seen->n_calls++;
    if (seen->removes_itself) {
        g_assert_true(event_loop_remove_watch(seen->loop, id));
        /* What is removed is not freed while it runs. */
        g_assert_cmpuint(seen->n_frees, ==, 0);
    }
}

static void on_expired(int id, gpointer data)
{
    Seen *seen = data;

    g_assert_cmpint(id, ==, seen->id);
    seen->n_calls++;
}

static void on_free(gpointer data)
{
    ((Seen *)data)->n_frees++;
}

static gboolean is_readable(int fd, int timeout_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return poll(&poll_fd, 1, timeout_ms) == 1;
}

static void test_watch(void)
{
    g_autoptr(EventLoop) loop = event_loop_new();
    Seen seen = {.loop = loop};
    EventLoopWatch watch = {on_ready, on_free, &seen};
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    seen.id = event_loop_add_watch(loop, fds[0], EPOLLIN, &watch);
    g_assert_cmpint(seen.id, >, 0);
    g_assert_false(is_readable(event_loop_fd(loop), 0));
    g_assert_cmpint(write(fds[1], "ab", 2), ==, 2);
    g_assert_true(is_readable(event_loop_fd(loop), 5000));
    event_loop_run(loop);
    g_assert_cmpuint(seen.n_calls, ==, 1);
    /* Off, it says nothing of what is there. */
    event_loop_update_watch(loop, seen.id, 0);
    g_assert_false(is_readable(event_loop_fd(loop), 0));
    event_loop_update_watch(loop, seen.id, EPOLLIN);
    seen.removes_itself = TRUE;
    event_loop_run(loop);
    g_assert_cmpuint(seen.n_calls, ==, 2);
    g_assert_cmpuint(seen.n_frees, ==, 1);
    g_assert_false(event_loop_remove_watch(loop, seen.id));
    close(fds[0]);
    close(fds[1]);
}

static void test_timer(void)
{
    g_autoptr(EventLoop) loop = event_loop_new();
    Seen seen = {.loop = loop};
    EventLoopTimer timer = {on_expired, on_free, &seen};

    seen.id = event_loop_add_timer(loop, -1, &timer);
    event_loop_run(loop);
    g_assert_cmpuint(seen.n_calls, ==, 0);
    event_loop_update_timer(loop, seen.id, 0);
    g_assert_true(is_readable(event_loop_fd(loop), 5000));
    event_loop_run(loop);
    g_assert_cmpuint(seen.n_calls, ==, 1);
    event_loop_update_timer(loop, seen.id, 20);
    g_assert_true(is_readable(event_loop_fd(loop), 5000));
    event_loop_run(loop);
    g_assert_cmpuint(seen.n_calls, ==, 2);
    g_assert_true(event_loop_remove_timer(loop, seen.id));
    event_loop_run(loop);
    g_assert_cmpuint(seen.n_calls, ==, 2);
    g_assert_cmpuint(seen.n_frees, ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/event-loop/watch", test_watch);
    g_test_add_func("/event-loop/timer", test_timer);
    return g_test_run();
}
