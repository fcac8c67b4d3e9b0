/*
 * From a socket to a file, on a thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/receiver.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "session/disk-reserve.h"
#include "session/session-error.h"
#include "session/stream-watch.h"

#define BUFFER_BYTES (256u << 10)

struct Receiver {
    int socket_fd;
    int file_fd;
    int stop_fd;
    int event_fd;
    uint64_t max_bytes;
    Limits limits;
    /* What may still come at once; below 0: how much came too early. */
    int64_t credit_frames;
    gint64 credit_us; /* when it was counted */
    GThread *thread;  /* NULL once stopped */
    /* Written by the thread, read by all. */
    atomic_int state;
    atomic_int code;
    _Atomic uint64_t came_bytes;
    _Atomic uint64_t stored_bytes;
    _Atomic int64_t last_us;
    _Atomic uint64_t held_us;
    _Atomic uint64_t events;
    _Atomic uint64_t lost_events;
    atomic_int cause;  /* of the freeze; NONE: not frozen */
    StreamWatch watch; /* the thread's own */
    uint8_t buffer[BUFFER_BYTES];
};

static void wake(int fd)
{
    /* An eventfd's write can only fail when its count is huge. */
    if (eventfd_write(fd, 1) < 0) {
        return;
    }
}

static void end_storing(Receiver *receiver, ReceiverState state, int code)
{
    atomic_store(&receiver->code, code);
    atomic_store(&receiver->state, state);
    wake(receiver->event_fd);
}

static bool has_room(const Receiver *receiver, size_t length)
{
    return receiver->limits.keep_free_bytes == 0 ||
           disk_reserve_room(receiver->file_fd, &receiver->limits) >= length;
}

static void store(Receiver *receiver, size_t length)
{
    uint64_t stored = atomic_load(&receiver->stored_bytes);
    size_t wanted = MIN(length, receiver->max_bytes - stored);
    size_t done = 0;

    if (!has_room(receiver, wanted)) {
        end_storing(receiver, RECEIVER_FULL, 0);
        return;
    }
    while (done < wanted) {
        ssize_t n =
            write(receiver->file_fd, receiver->buffer + done, wanted - done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            end_storing(receiver, RECEIVER_FAILED, n < 0 ? errno : ENOSPC);
            break;
        }
        done += n;
        atomic_fetch_add(&receiver->stored_bytes, n);
    }
    if (done == wanted && wanted < length) {
        end_storing(receiver, RECEIVER_LIMIT, 0);
    }
}

static void watch(Receiver *receiver, size_t length)
{
    StreamWatch *stream = &receiver->watch;
    bool was_frozen = stream->is_frozen;

    stream_watch_feed(stream, receiver->buffer, length);
    atomic_store(&receiver->events, stream->events);
    atomic_store(&receiver->lost_events, stream->lost_events);
    if (stream->is_frozen && !was_frozen) {
        atomic_store(&receiver->cause, stream->cause);
        wake(receiver->event_fd);
    }
}

/* A second's frames may come at once, as a recording's texts do. */
static void count_frames(Receiver *receiver, uint64_t frames)
{
    int64_t rate = (int64_t)receiver->limits.frames_per_s;
    gint64 now_us = g_get_monotonic_time();
    gint64 passed_us = MIN(now_us - receiver->credit_us, G_USEC_PER_SEC);

    receiver->credit_frames =
        MIN(receiver->credit_frames + rate * passed_us / G_USEC_PER_SEC, rate) -
        (int64_t)frames;
    receiver->credit_us = now_us;
}

/* Waits until the frames that came were due; FALSE when it is told to stop. */
static gboolean hold(Receiver *receiver)
{
    struct pollfd stop = {.fd = receiver->stop_fd, .events = POLLIN};
    int64_t rate = (int64_t)receiver->limits.frames_per_s;
    gint64 begin_us = g_get_monotonic_time();
    int64_t due_us;
    int n;

    if (receiver->credit_frames >= 0) {
        return TRUE;
    }
    due_us = -receiver->credit_frames * G_USEC_PER_SEC / rate;
    n = poll(&stop, 1, (int)(due_us / 1000) + 1);
    atomic_fetch_add(&receiver->held_us, g_get_monotonic_time() - begin_us);
    return n <= 0;
}

/* FALSE when there is nothing more to come. */
static gboolean take(Receiver *receiver)
{
    uint64_t frames = receiver->watch.frames;
    ssize_t n = read(receiver->socket_fd, receiver->buffer, BUFFER_BYTES);

    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        return TRUE;
    }
    if (n <= 0) {
        if (receiver_state(receiver) == RECEIVER_RECEIVING) {
            end_storing(receiver, RECEIVER_CLOSED, 0);
        }
        return FALSE;
    }
    atomic_store(&receiver->last_us, g_get_monotonic_time());
    /* First: what freezes the host must not wait for the disk. */
    watch(receiver, n);
    count_frames(receiver, receiver->watch.frames - frames);
    if (receiver_state(receiver) == RECEIVER_RECEIVING) {
        store(receiver, n);
    }
    /* Last, so that who waits for these bytes finds them stored. */
    atomic_fetch_add(&receiver->came_bytes, n);
    if (receiver->watch.is_ended &&
        receiver_state(receiver) == RECEIVER_RECEIVING) {
        end_storing(receiver, RECEIVER_ENDED, 0);
    }
    return !receiver->watch.is_ended;
}

static gpointer receive(gpointer data)
{
    Receiver *receiver = data;
    struct pollfd fds[] = {
        {.fd = receiver->stop_fd, .events = POLLIN},
        {.fd = receiver->socket_fd, .events = POLLIN},
    };

    for (;;) {
        int n = poll(fds, G_N_ELEMENTS(fds), -1);

        if (n < 0 && errno != EINTR) {
            end_storing(receiver, RECEIVER_FAILED, errno);
            break;
        }
        if (n > 0 && (fds[0].revents || (fds[1].revents && !take(receiver)))) {
            break;
        }
        if (!hold(receiver)) {
            break;
        }
    }
    return NULL;
}

Receiver *receiver_start(int socket_fd, int file_fd, uint64_t max_bytes,
                         const Limits *limits, GError **error)
{
    Receiver *receiver = g_new0(Receiver, 1);

    receiver->socket_fd = socket_fd;
    receiver->file_fd = file_fd;
    receiver->max_bytes = max_bytes;
    receiver->limits = *limits;
    receiver->credit_frames = (int64_t)limits->frames_per_s;
    receiver->credit_us = g_get_monotonic_time();
    stream_watch_init(&receiver->watch);
    receiver->stop_fd = eventfd(0, EFD_CLOEXEC);
    receiver->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_store(&receiver->last_us, g_get_monotonic_time());
    if (receiver->stop_fd < 0 || receiver->event_fd < 0) {
        g_set_error(error, SESSION_ERROR, SESSION_ERROR_FAILED,
                    "cannot create an event descriptor: %s", g_strerror(errno));
    } else {
        receiver->thread =
            g_thread_try_new("receiver", receive, receiver, error);
    }
    if (!receiver->thread) {
        receiver_free(receiver);
        return NULL;
    }
    return receiver;
}

ReceiverState receiver_state(Receiver *receiver)
{
    return atomic_load(&receiver->state);
}

ReceiverSigns receiver_signs(Receiver *receiver)
{
    TraceFreezeCause cause = atomic_load(&receiver->cause);

    return (ReceiverSigns){
        .events = atomic_load(&receiver->events),
        .lost_events = atomic_load(&receiver->lost_events),
        .is_frozen = cause != TRACE_FREEZE_NONE,
        .cause = cause,
    };
}

int receiver_errno(Receiver *receiver)
{
    return atomic_load(&receiver->code);
}

int receiver_event_fd(Receiver *receiver)
{
    return receiver->event_fd;
}

uint64_t receiver_came_bytes(Receiver *receiver)
{
    return atomic_load(&receiver->came_bytes);
}

uint64_t receiver_stored_bytes(Receiver *receiver)
{
    return atomic_load(&receiver->stored_bytes);
}

uint64_t receiver_held_us(Receiver *receiver)
{
    return atomic_load(&receiver->held_us);
}

gint64 receiver_quiet_us(Receiver *receiver)
{
    return g_get_monotonic_time() - atomic_load(&receiver->last_us);
}

void receiver_stop(Receiver *receiver)
{
    if (receiver->thread) {
        wake(receiver->stop_fd);
        g_thread_join(g_steal_pointer(&receiver->thread));
        fdatasync(receiver->file_fd);
    }
}

static void close_if_open(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void receiver_free(Receiver *receiver)
{
    if (receiver) {
        receiver_stop(receiver);
        close_if_open(receiver->socket_fd);
        close_if_open(receiver->file_fd);
        close_if_open(receiver->stop_fd);
        close_if_open(receiver->event_fd);
        g_free(receiver);
    }
}
