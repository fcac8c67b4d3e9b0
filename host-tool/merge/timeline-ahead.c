/*
 * TimelineAhead: a timeline that a thread of its own goes through, some blocks
 * ahead.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/timeline-ahead.h"

#include "trace-data/page-source.h"

/* Few enough to be in the caches, many enough that threads seldom wait. */
#define N_BLOCKS     4
#define BLOCK_EVENTS 4096
/* Where few events are wanted, each stands in other pages: so much of them. */
#define MOST_KEPT_BYTES (16u << 20)

typedef struct Block {
    TimelineEvent events[BLOCK_EVENTS];
    size_t n_events;
    /* Kept for this block's events, and those of blocks before it. */
    GPtrArray *kept;
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

static size_t kept_bytes(const Block *block)
{
    size_t bytes = 0;

    for (guint i = 0; i < block->kept->len; i++) {
        bytes += page_buffer_bytes(block->kept->pdata[i]);
    }
    return bytes;
}

/* Its user is done with the block, and so with those before it. */
static void fill(TimelineAhead *ahead, Block *block)
{
    size_t n = 0, n_read;

    g_ptr_array_set_size(block->kept, 0);
    timeline_keep(ahead->timeline, block->kept);
    do {
        n_read =
            timeline_read(ahead->timeline, block->events + n, BLOCK_EVENTS - n);
        for (size_t i = n; ahead->hook && i < n + n_read; i++) {
            ahead->hook(&block->events[i], ahead->data);
        }
        n += n_read;
    } while (n_read > 0 && kept_bytes(block) < MOST_KEPT_BYTES);
    block->n_events = n;
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
        ahead->blocks[i].kept = timeline_kept_new();
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
    timeline_keep(ahead->timeline, NULL);
    for (int i = 0; i < N_BLOCKS; i++) {
        g_ptr_array_unref(ahead->blocks[i].kept);
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
