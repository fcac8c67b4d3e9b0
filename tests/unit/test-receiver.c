/*
 * Receiver: stores what comes, up to its limits, and never holds the sender.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "session/receiver.h"

#define CHUNK 100000

typedef struct Fixture {
    Receiver *receiver;
    int peer;
    int file; /* another descriptor of the receiver's file */
} Fixture;

static Fixture start(int file, uint64_t max_bytes)
{
    Fixture f = {.file = dup(file)};
    g_autoptr(GError) error = NULL;
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    g_assert_cmpint(fcntl(fds[0], F_SETFL, O_NONBLOCK), ==, 0);
    f.peer = fds[1];
    f.receiver = receiver_start(fds[0], file, max_bytes, &error);
    g_assert_no_error(error);
    return f;
}

/* Blocks unless the receiver takes everything. */
static void put(const Fixture *f, size_t length)
{
    g_autofree char *bytes = g_strnfill(length, 'x');
    size_t done = 0;

    while (done < length) {
        ssize_t n = write(f->peer, bytes + done, length - done);

        g_assert_cmpint(n, >, 0);
        done += n;
    }
}

static void wait_came(const Fixture *f, uint64_t length)
{
    while (receiver_came_bytes(f->receiver) < length) {
        g_usleep(1000);
    }
}

static off_t file_size(const Fixture *f)
{
    struct stat st;

    g_assert_cmpint(fstat(f->file, &st), ==, 0);
    return st.st_size;
}

static gboolean has_event(const Fixture *f, int timeout_ms)
{
    struct pollfd fd = {receiver_event_fd(f->receiver), POLLIN, 0};

    return poll(&fd, 1, timeout_ms) == 1;
}

static void end(Fixture *f)
{
    receiver_free(f->receiver);
    close(f->peer);
    close(f->file);
}

static void test_stores(void)
{
    Fixture f = start(memfd_create("stream", 0), 10 * CHUNK);

    g_assert_false(has_event(&f, 0));
    put(&f, CHUNK);
    put(&f, CHUNK);
    wait_came(&f, 2 * CHUNK);
    g_assert_cmpint(receiver_state(f.receiver), ==, RECEIVER_RECEIVING);
    g_assert_cmpint(receiver_quiet_us(f.receiver), <, 60 * G_USEC_PER_SEC);
    receiver_stop(f.receiver);
    g_assert_cmpint(file_size(&f), ==, 2 * CHUNK);
    end(&f);
}

static void test_closed(void)
{
    Fixture f = start(memfd_create("stream", 0), 10 * CHUNK);

    put(&f, CHUNK);
    shutdown(f.peer, SHUT_WR);
    g_assert_true(has_event(&f, 10000));
    g_assert_cmpint(receiver_state(f.receiver), ==, RECEIVER_CLOSED);
    g_assert_cmpint(file_size(&f), ==, CHUNK);
    end(&f);
}

static void test_limit(void)
{
    Fixture f = start(memfd_create("stream", 0), CHUNK + 1);

    put(&f, 20 * CHUNK);
    wait_came(&f, 20 * CHUNK);
    g_assert_true(has_event(&f, 10000));
    g_assert_cmpint(receiver_state(f.receiver), ==, RECEIVER_LIMIT);
    g_assert_cmpint(file_size(&f), ==, CHUNK + 1);
    g_assert_cmpuint(receiver_stored_bytes(f.receiver), ==, CHUNK + 1);
    end(&f);
}

static void test_disk_full(void)
{
    Fixture f = start(open("/dev/full", O_WRONLY), 100 * CHUNK);

    put(&f, 20 * CHUNK);
    wait_came(&f, 20 * CHUNK);
    g_assert_true(has_event(&f, 10000));
    g_assert_cmpint(receiver_state(f.receiver), ==, RECEIVER_FAILED);
    g_assert_cmpint(receiver_errno(f.receiver), ==, ENOSPC);
    end(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/receiver/stores", test_stores);
    g_test_add_func("/receiver/closed", test_closed);
    g_test_add_func("/receiver/limit", test_limit);
    g_test_add_func("/receiver/disk-full", test_disk_full);
    return g_test_run();
}
