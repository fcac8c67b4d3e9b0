/*
 * LibvirtLoop: the event loop through which libvirt tells of events.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/libvirt-loop.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <sys/epoll.h>

#include "connection/connection-error.h"
#include "connection/event-loop.h"

static EventLoop *loop;

typedef struct HandleAdapter {
    virEventHandleCallback callback;
    virFreeCallback free;
    void *opaque;
} HandleAdapter;

typedef struct TimeoutAdapter {
    virEventTimeoutCallback callback;
    virFreeCallback free;
    void *opaque;
} TimeoutAdapter;

static uint32_t to_epoll(int events)
{
    return (events & VIR_EVENT_HANDLE_READABLE ? EPOLLIN : 0) |
           (events & VIR_EVENT_HANDLE_WRITABLE ? EPOLLOUT : 0);
}

static int from_epoll(uint32_t events)
{
    return (events & EPOLLIN ? VIR_EVENT_HANDLE_READABLE : 0) |
           (events & EPOLLOUT ? VIR_EVENT_HANDLE_WRITABLE : 0) |
           (events & EPOLLERR ? VIR_EVENT_HANDLE_ERROR : 0) |
           (events & EPOLLHUP ? VIR_EVENT_HANDLE_HANGUP : 0);
}

static void handle_ready(int id, int fd, uint32_t events, gpointer data)
{
    HandleAdapter *adapter = data;

    adapter->callback(id, fd, from_epoll(events), adapter->opaque);
}

static void handle_free(gpointer data)
{
    HandleAdapter *adapter = data;

    if (adapter->free) {
        adapter->free(adapter->opaque);
    }
    g_free(adapter);
}

static int add_handle(int fd, int events, virEventHandleCallback callback,
                      void *opaque, virFreeCallback free_opaque)
{
    HandleAdapter *adapter = g_new(HandleAdapter, 1);
    EventLoopWatch watch = {handle_ready, handle_free, adapter};
    int id;

    *adapter = (HandleAdapter){callback, free_opaque, opaque};
    id = event_loop_add_watch(loop, fd, to_epoll(events), &watch);
    if (id < 0) {
        g_free(adapter);
    }
    return id;
}

static void update_handle(int id, int events)
{
    event_loop_update_watch(loop, id, to_epoll(events));
}

static int remove_handle(int id)
{
    return event_loop_remove_watch(loop, id) ? 0 : -1;
}

static void timeout_expired(int id, gpointer data)
{
    TimeoutAdapter *adapter = data;

    adapter->callback(id, adapter->opaque);
}

static void timeout_free(gpointer data)
{
    TimeoutAdapter *adapter = data;

    if (adapter->free) {
        adapter->free(adapter->opaque);
    }
    g_free(adapter);
}

static int add_timeout(int interval_ms, virEventTimeoutCallback callback,
                       void *opaque, virFreeCallback free_opaque)
{
    TimeoutAdapter *adapter = g_new(TimeoutAdapter, 1);
    EventLoopTimer timer = {timeout_expired, timeout_free, adapter};

    *adapter = (TimeoutAdapter){callback, free_opaque, opaque};
    return event_loop_add_timer(loop, interval_ms, &timer);
}

static void update_timeout(int id, int interval_ms)
{
    event_loop_update_timer(loop, id, interval_ms);
}

static int remove_timeout(int id)
{
    return event_loop_remove_timer(loop, id) ? 0 : -1;
}

static void ignore_error(G_GNUC_UNUSED void *data,
                         G_GNUC_UNUSED virErrorPtr error)
{
    /* libvirt would print it: each caller makes its own sentence of it. */
}

gboolean libvirt_loop_init(GError **error)
{
    if (loop) {
        return TRUE;
    }
    virSetErrorFunc(NULL, ignore_error);
    loop = event_loop_new();
    if (!loop || virInitialize() < 0) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_CONNECT,
                    "cannot start libvirt's library: %s", g_strerror(errno));
        return FALSE;
    }
    virEventRegisterImpl(add_handle, update_handle, remove_handle, add_timeout,
                         update_timeout, remove_timeout);
    return TRUE;
}

int libvirt_loop_fd(void)
{
    return event_loop_fd(loop);
}

void libvirt_loop_run(void)
{
    event_loop_run(loop);
}
