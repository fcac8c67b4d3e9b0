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

static Fixture start_within(const Limits *limits, int file, uint64_t max_bytes)
{
    Fixture f = {.file = dup(file)};
    g_autoptr(GError) error = NULL;
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    g_assert_cmpint(fcntl(fds[0], F_SETFL, O_NONBLOCK), ==, 0);
    f.peer = fds[1];
    f.receiver = receiver_start(fds[0], file, max_bytes, limits, &error);
    g_assert_no_error(error);
    return f;
}

static Fixture start(int file, uint64_t max_bytes)
{
    return start_within(&limits_default, file, max_bytes);
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

/* On a real file system, which knows how much is free. */
static int disk_file(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp(NULL, &path, &error);

    g_assert_no_error(error);
    unlink(path);
    return fd;
}

/* What is to stay free of the disk is not written to, but all is taken. */
static void test_reserve(void)
{
    Limits limits = limits_default;
    Fixture f;

    limits.keep_free_bytes = UINT64_C(1) << 60;
    f = start_within(&limits, disk_file(), 20 * CHUNK);
    put(&f, 10 * CHUNK);
    wait_came(&f, 10 * CHUNK);
    g_assert_true(has_event(&f, 10000));
    g_assert_cmpint(receiver_state(f.receiver), ==, RECEIVER_FULL);
    g_assert_cmpint(file_size(&f), ==, 0);
    end(&f);

    limits.keep_free_bytes = 0;
    f = start_within(&limits, disk_file(), 20 * CHUNK);
    put(&f, CHUNK);
    wait_came(&f, CHUNK);
    g_assert_cmpint(receiver_state(f.receiver), ==, RECEIVER_RECEIVING);
    g_assert_cmpint(file_size(&f), ==, CHUNK);
    end(&f);
}

static void put_frames(const Fixture *f, unsigned count)
{
    TraceFrameHeader header = {
        .magic = TRACE_STREAM_MAGIC,
        .type = TRACE_FRAME_META,
    };

    for (unsigned i = 0; i < count; i++) {
        g_assert_cmpint(write(f->peer, &header, sizeof(header)), ==,
                        sizeof(header));
    }
}

/*
 * A second's frames may come at once; those above have to wait until they are
 * due, in the sender's hands, and none is lost.
 */
static void test_frame_rate(void)
{
    Limits limits = limits_default;
    unsigned count = 4000;
    Fixture f;

    limits.frames_per_s = 10000;
    f = start_within(&limits, memfd_create("stream", 0), 20 * CHUNK);
    put_frames(&f, count);
    wait_came(&f, count * sizeof(TraceFrameHeader));
    g_assert_cmpuint(receiver_held_us(f.receiver), ==, 0);
    end(&f);

    limits.frames_per_s = 1000;
    f = start_within(&limits, memfd_create("stream", 0), 20 * CHUNK);
    put_frames(&f, count);
    wait_came(&f, count * sizeof(TraceFrameHeader));
    /* One that is held can be stopped. */
    receiver_stop(f.receiver);
    g_assert_cmpuint(receiver_held_us(f.receiver), >, 0);
    g_assert_cmpint(file_size(&f), ==, count * sizeof(TraceFrameHeader));
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
    g_test_add_func("/receiver/frame-rate", test_frame_rate);
    g_test_add_func("/receiver/reserve", test_reserve);
    g_test_add_func("/receiver/limit", test_limit);
    g_test_add_func("/receiver/disk-full", test_disk_full);
    return g_test_run();
}
