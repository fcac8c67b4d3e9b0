/*
 * EventLoop: descriptors and timers with callbacks, run without a thread of
 * its own and without waiting, for a library that wants such a loop.
 *
 * Watches and timers may be removed from within any callback.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef EVENT_LOOP_H
#define EVENT_LOOP_H

#include <glib.h>
#include <stdint.h>

typedef struct EventLoop EventLoop;

typedef struct EventLoopWatch {
    /* events: EPOLLIN and so on. */
    void (*ready)(int id, int fd, uint32_t events, gpointer data);
    void (*free)(gpointer data); /* may be NULL */
    gpointer data;
} EventLoopWatch;

typedef struct EventLoopTimer {
    void (*expired)(int id, gpointer data);
    void (*free)(gpointer data); /* may be NULL */
    gpointer data;
} EventLoopTimer;

/* NULL when the system has no descriptors left; errno tells. */
EventLoop *event_loop_new(void);
void event_loop_free(EventLoop *loop);

/* Readable when event_loop_run() has something to do. */
int event_loop_fd(const EventLoop *loop);

/* Calls back for everything that is due. */
void event_loop_run(EventLoop *loop);

/* Ids are positive; -1 when the fd can't be watched. */
int event_loop_add_watch(EventLoop *loop, int fd, uint32_t events,
                         const EventLoopWatch *watch);
void event_loop_update_watch(EventLoop *loop, int id, uint32_t events);
gboolean event_loop_remove_watch(EventLoop *loop, int id);

/* interval_ms: -1 for a timer that is off, 0 for each run. */
int event_loop_add_timer(EventLoop *loop, int interval_ms,
                         const EventLoopTimer *timer);
void event_loop_update_timer(EventLoop *loop, int id, int interval_ms);
gboolean event_loop_remove_timer(EventLoop *loop, int id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EventLoop, event_loop_free)

#endif
