/*
 * An event loop behind one descriptor: an epoll, and a timerfd in it for the
 * timer that is due first.
 *
 * Two watches may be on the same fd, and one may be on an fd that was closed
 * and opened again meanwhile, so epoll gets a duplicate for each.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/event-loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MAX_EVENTS    16
#define TIMER_ID      0
#define NS_PER_SECOND G_GINT64_CONSTANT(1000000000)

typedef struct Watch {
    EventLoopWatch what;
    int fd;     /* the library's */
    int own_fd; /* what epoll knows */
    gboolean is_removed;
} Watch;

typedef struct Timer {
    EventLoopTimer what;
    int interval_ms;
    gint64 due_us;
    gboolean is_removed;
} Timer;

struct EventLoop {
    int epoll_fd;
    int timer_fd;
    int last_id;
    unsigned depth;      /* of event_loop_run() */
    GHashTable *watches; /* id -> Watch */
    GHashTable *timers;  /* id -> Timer */
};

static void free_watch(gpointer data)
{
    Watch *watch = data;

    if (!watch->is_removed) {
        close(watch->own_fd);
    }
    if (watch->what.free) {
        watch->what.free(watch->what.data);
    }
    g_free(watch);
}

static void free_timer(gpointer data)
{
    Timer *timer = data;

    if (timer->what.free) {
        timer->what.free(timer->what.data);
    }
    g_free(timer);
}

EventLoop *event_loop_new(void)
{
    g_autoptr(EventLoop) loop = g_new0(EventLoop, 1);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = TIMER_ID};

    loop->last_id = TIMER_ID;
    loop->watches = g_hash_table_new_full(NULL, NULL, NULL, free_watch);
    loop->timers = g_hash_table_new_full(NULL, NULL, NULL, free_timer);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->timer_fd =
        timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->timer_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->timer_fd, &event) < 0) {
        return NULL;
    }
    return g_steal_pointer(&loop);
}

void event_loop_free(EventLoop *loop)
{
    if (loop) {
        g_hash_table_unref(loop->watches);
        g_hash_table_unref(loop->timers);
        if (loop->epoll_fd >= 0) {
            close(loop->epoll_fd);
        }
        if (loop->timer_fd >= 0) {
            close(loop->timer_fd);
        }
        g_free(loop);
    }
}

int event_loop_fd(const EventLoop *loop)
{
    return loop->epoll_fd;
}

static Watch *find_watch(EventLoop *loop, int id)
{
    Watch *watch = g_hash_table_lookup(loop->watches, GINT_TO_POINTER(id));

    return watch && !watch->is_removed ? watch : NULL;
}

static Timer *find_timer(EventLoop *loop, int id)
{
    Timer *timer = g_hash_table_lookup(loop->timers, GINT_TO_POINTER(id));

    return timer && !timer->is_removed ? timer : NULL;
}

static void arm(EventLoop *loop)
{
    struct itimerspec when = {0};
    gint64 first_us = G_MAXINT64;
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, loop->timers);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Timer *timer = value;

        if (!timer->is_removed && timer->interval_ms >= 0) {
            first_us = MIN(first_us, timer->due_us);
        }
    }
    if (first_us != G_MAXINT64) {
        /* All zero would switch it off. */
        gint64 left_ns = MAX((first_us - g_get_monotonic_time()) * 1000,
                             G_GINT64_CONSTANT(1));

        when.it_value.tv_sec = left_ns / NS_PER_SECOND;
        when.it_value.tv_nsec = left_ns % NS_PER_SECOND;
    }
    timerfd_settime(loop->timer_fd, 0, &when, NULL);
}

static gboolean is_removed_watch(G_GNUC_UNUSED gpointer id, gpointer value,
                                 G_GNUC_UNUSED gpointer data)
{
    return ((Watch *)value)->is_removed;
}

static gboolean is_removed_timer(G_GNUC_UNUSED gpointer id, gpointer value,
                                 G_GNUC_UNUSED gpointer data)
{
    return ((Timer *)value)->is_removed;
}

static void run_watch(EventLoop *loop, int id, uint32_t events)
{
    Watch *watch = find_watch(loop, id);

    if (watch) {
        watch->what.ready(id, watch->fd, events, watch->what.data);
    }
}

static void run_timers(EventLoop *loop)
{
    g_autoptr(GList) ids = g_hash_table_get_keys(loop->timers);
    gint64 now_us = g_get_monotonic_time();

    for (GList *item = ids; item; item = item->next) {
        int id = GPOINTER_TO_INT(item->data);
        Timer *timer = find_timer(loop, id);

        if (timer && timer->interval_ms >= 0 && timer->due_us <= now_us) {
            timer->due_us = now_us + timer->interval_ms * (gint64)1000;
            timer->what.expired(id, timer->what.data);
        }
    }
}

void event_loop_run(EventLoop *loop)
{
    struct epoll_event events[MAX_EVENTS];
    int n = epoll_wait(loop->epoll_fd, events, MAX_EVENTS, 0);
    uint64_t ticks;

    loop->depth++;
    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 != TIMER_ID) {
            run_watch(loop, (int)events[i].data.u64, events[i].events);
        } else if (read(loop->timer_fd, &ticks, sizeof(ticks)) < 0) {
            /* It was armed anew meanwhile: run_timers() sees to it. */
            continue;
        }
    }
    run_timers(loop);
    loop->depth--;
    /* What a callback removed may have been that callback itself. */
    if (loop->depth == 0) {
        g_hash_table_foreach_remove(loop->watches, is_removed_watch, NULL);
        g_hash_table_foreach_remove(loop->timers, is_removed_timer, NULL);
        arm(loop);
    }
}

int event_loop_add_watch(EventLoop *loop, int fd, uint32_t events,
                         const EventLoopWatch *what)
{
    int id = loop->last_id + 1;
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)id};
    int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    Watch *watch;

    if (own_fd < 0 ||
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, own_fd, &event) < 0) {
        if (own_fd >= 0) {
            close(own_fd);
        }
        return -1;
    }
    watch = g_new0(Watch, 1);
    watch->what = *what;
    watch->fd = fd;
    watch->own_fd = own_fd;
    loop->last_id = id;
    g_hash_table_insert(loop->watches, GINT_TO_POINTER(id), watch);
    return id;
}

void event_loop_update_watch(EventLoop *loop, int id, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)id};
    const Watch *watch = find_watch(loop, id);

    if (watch) {
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->own_fd, &event);
    }
}

gboolean event_loop_remove_watch(EventLoop *loop, int id)
{
    Watch *watch = find_watch(loop, id);

    if (!watch) {
        return FALSE;
    }
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->own_fd, NULL);
    close(watch->own_fd);
    watch->is_removed = TRUE;
    /* Freed by the next run: the caller may still hold what free() takes. */
    return TRUE;
}

int event_loop_add_timer(EventLoop *loop, int interval_ms,
                         const EventLoopTimer *what)
{
    Timer *timer = g_new0(Timer, 1);

    timer->what = *what;
    timer->interval_ms = -1;
    g_hash_table_insert(loop->timers, GINT_TO_POINTER(++loop->last_id), timer);
    event_loop_update_timer(loop, loop->last_id, interval_ms);
    return loop->last_id;
}

void event_loop_update_timer(EventLoop *loop, int id, int interval_ms)
{
    Timer *timer = find_timer(loop, id);

    if (timer) {
        timer->interval_ms = interval_ms;
        timer->due_us =
            g_get_monotonic_time() + MAX(interval_ms, 0) * (gint64)1000;
        arm(loop);
    }
}

gboolean event_loop_remove_timer(EventLoop *loop, int id)
{
    Timer *timer = find_timer(loop, id);

    if (!timer) {
        return FALSE;
    }
    timer->is_removed = TRUE;
    arm(loop);
    return TRUE;
}
