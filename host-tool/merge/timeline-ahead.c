/*
 * TimelineAhead: a timeline that a thread of its own goes through, some blocks
 * ahead.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/timeline-ahead.h"

#include <string.h>

/* Few enough to be in the caches when they are used. */
#define N_BLOCKS     4
#define BLOCK_EVENTS 1024
#define BLOCK_BYTES  (BLOCK_EVENTS * 64)

/* Copies, as the timeline takes its own back at each step. */
typedef struct Block {
    TimelineEvent events[BLOCK_EVENTS];
    size_t n_events;
    uint8_t *bytes; /* of the events' data, one after the other */
    size_t n_bytes;
    size_t max_bytes;
} Block;

struct TimelineAhead {
    Timeline *timeline;
    TimelineAheadHook hook;
    void *data;
    Block blocks[N_BLOCKS];
    GAsyncQueue *empty; /* of Block */
    GAsyncQueue *full;  /* likewise; one without events is the end */
    Block *in_hand;     /* the user's */
    gint is_cancelled;
    GThread *thread;
};

/* The data's place in the block is set once the block is complete. */
static void add_event(Block *block, const TimelineEvent *event)
{
    size_t size = event->event.size_bytes;

    if (block->max_bytes - block->n_bytes < size) {
        block->max_bytes = MAX(BLOCK_BYTES, (block->n_bytes + size) * 2);
        block->bytes = g_realloc(block->bytes, block->max_bytes);
    }
    memcpy(block->bytes + block->n_bytes, event->event.data, size);
    block->events[block->n_events++] = *event;
    block->n_bytes += size;
}

static void place_data(Block *block)
{
    const uint8_t *next = block->bytes;

    for (size_t i = 0; i < block->n_events; i++) {
        block->events[i].event.data = next;
        next += block->events[i].event.size_bytes;
    }
}

static void fill(TimelineAhead *ahead, Block *block)
{
    TimelineEvent event;

    block->n_events = 0;
    block->n_bytes = 0;
    while (block->n_events < BLOCK_EVENTS &&
           timeline_next(ahead->timeline, &event)) {
        if (ahead->hook) {
            ahead->hook(&event, ahead->data);
        }
        add_event(block, &event);
    }
    place_data(block);
}

static gpointer run(gpointer data)
{
    TimelineAhead *ahead = data;
    Block *block;

    do {
        block = g_async_queue_pop(ahead->empty);
        if (g_atomic_int_get(&ahead->is_cancelled)) {
            break;
        }
        fill(ahead, block);
        g_async_queue_push(ahead->full, block);
    } while (block->n_events > 0);
    return NULL;
}

TimelineAhead *timeline_ahead_new(Timeline *timeline, TimelineAheadHook hook,
                                  void *data)
{
    TimelineAhead *ahead = g_new0(TimelineAhead, 1);

    ahead->timeline = timeline;
    ahead->hook = hook;
    ahead->data = data;
    ahead->empty = g_async_queue_new();
    ahead->full = g_async_queue_new();
    for (int i = 0; i < N_BLOCKS; i++) {
        g_async_queue_push(ahead->empty, &ahead->blocks[i]);
    }
    ahead->thread = g_thread_new("merge", run, ahead);
    return ahead;
}

void timeline_ahead_free(TimelineAhead *ahead)
{
    if (!ahead) {
        return;
    }
    g_atomic_int_set(&ahead->is_cancelled, 1);
    g_async_queue_push(ahead->empty, &ahead->blocks[0]); /* wakes it */
    g_thread_join(ahead->thread);
    for (int i = 0; i < N_BLOCKS; i++) {
        g_free(ahead->blocks[i].bytes);
    }
    g_async_queue_unref(ahead->empty);
    g_async_queue_unref(ahead->full);
    g_free(ahead);
}

const TimelineEvent *timeline_ahead_next(TimelineAhead *ahead, size_t *n_events)
{
    if (ahead->in_hand && ahead->in_hand->n_events == 0) {
        return NULL; /* asked again at the end */
    }
    if (ahead->in_hand) {
        g_async_queue_push(ahead->empty, ahead->in_hand);
    }
    ahead->in_hand = g_async_queue_pop(ahead->full);
    *n_events = ahead->in_hand->n_events;
    return *n_events ? ahead->in_hand->events : NULL;
}
