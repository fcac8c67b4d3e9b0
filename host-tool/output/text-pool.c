/*
 * TextPool: formats batches in parallel and writes them in their order.
 *
 * Whoever fills batches formats some, too, rather than wait for a free one: no
 * processor is idle, and threads seldom have to be woken.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/text-pool.h"

#include <errno.h>

/* More are no faster than the one that reads and merges. */
#define MAX_THREADS 16

struct TextPool {
    FILE *stream;
    bool show_diff;
    unsigned n_threads; /* besides the one that fills batches */
    GThread *threads[MAX_THREADS];

    GMutex mutex;
    GCond filled;       /* there is a batch to format, or quitting */
    GCond written_cond; /* a batch has become free */
    TextBatch *batches;
    bool *formatted; /* by batch */
    unsigned n_batches;
    /* Counts of all batches so far: written <= taken <= submitted. */
    guint64 submitted;
    guint64 taken;
    guint64 written;
    bool is_writing; /* one thread does */
    bool quitting;
    int write_errno;       /* 0: none */
    EventScratch *scratch; /* of the one that fills batches */
};

static unsigned slot_of(const TextPool *pool, guint64 number)
{
    return (unsigned)(number % pool->n_batches);
}

static int write_text(TextPool *pool, const PrintText *text)
{
    size_t size = print_text_size(text);

    errno = 0;
    if (fwrite(text->start, 1, size, pool->stream) == size) {
        return 0;
    }
    return errno ? errno : EIO;
}

/* Writes what is next in order and ready; called with the mutex held. */
static void write_ready(TextPool *pool)
{
    if (pool->is_writing) {
        return;
    }
    pool->is_writing = true;
    while (pool->written < pool->taken &&
           pool->formatted[slot_of(pool, pool->written)]) {
        unsigned slot = slot_of(pool, pool->written);
        int code = 0;

        if (!pool->write_errno && !pool->quitting) {
            g_mutex_unlock(&pool->mutex);
            code = write_text(pool, &pool->batches[slot].text);
            g_mutex_lock(&pool->mutex);
        }
        pool->write_errno = code ? code : pool->write_errno;
        pool->formatted[slot] = false;
        pool->written++;
        g_cond_signal(&pool->written_cond);
    }
    pool->is_writing = false;
}

/* Takes the next batch, which there must be; called with the mutex held. */
static void format_next(TextPool *pool, EventScratch *scratch)
{
    unsigned slot = slot_of(pool, pool->taken++);

    g_mutex_unlock(&pool->mutex);
    text_batch_format(&pool->batches[slot], pool->show_diff, scratch);
    g_mutex_lock(&pool->mutex);
    pool->formatted[slot] = true;
    write_ready(pool);
}

static gpointer run_thread(gpointer data)
{
    TextPool *pool = data;
    g_autoptr(EventScratch) scratch = event_scratch_new();

    g_mutex_lock(&pool->mutex);
    while (!pool->quitting) {
        if (pool->taken < pool->submitted) {
            format_next(pool, scratch);
        } else {
            g_cond_wait(&pool->filled, &pool->mutex);
        }
    }
    g_mutex_unlock(&pool->mutex);
    return NULL;
}

/* A confined process may get none, or not all. */
static void start_threads(TextPool *pool)
{
    for (unsigned i = 0; i < pool->n_threads; i++) {
        pool->threads[i] = g_thread_try_new("format", run_thread, pool, NULL);
        if (!pool->threads[i]) {
            pool->n_threads = i;
        }
    }
}

TextPool *text_pool_new(FILE *stream, bool show_diff, unsigned n_threads)
{
    TextPool *pool = g_new0(TextPool, 1);

    pool->stream = stream;
    pool->show_diff = show_diff;
    pool->scratch = event_scratch_new();
    pool->n_threads =
        MIN((n_threads ? n_threads : g_get_num_processors()) - 1, MAX_THREADS);
    pool->n_batches = 2 * pool->n_threads + 4;
    pool->batches = g_new0(TextBatch, pool->n_batches);
    pool->formatted = g_new0(bool, pool->n_batches);
    for (unsigned i = 0; i < pool->n_batches; i++) {
        text_batch_init(&pool->batches[i]);
    }
    g_mutex_init(&pool->mutex);
    g_cond_init(&pool->filled);
    g_cond_init(&pool->written_cond);
    start_threads(pool);
    return pool;
}

void text_pool_free(TextPool *pool)
{
    if (!pool) {
        return;
    }
    g_mutex_lock(&pool->mutex);
    pool->quitting = true;
    g_cond_broadcast(&pool->filled);
    g_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->n_threads; i++) {
        g_thread_join(pool->threads[i]);
    }
    for (unsigned i = 0; i < pool->n_batches; i++) {
        text_batch_clear(&pool->batches[i]);
    }
    event_scratch_free(pool->scratch);
    g_cond_clear(&pool->filled);
    g_cond_clear(&pool->written_cond);
    g_mutex_clear(&pool->mutex);
    g_free(pool->formatted);
    g_free(pool->batches);
    g_free(pool);
}

TextBatch *text_pool_batch(TextPool *pool)
{
    return &pool->batches[slot_of(pool, pool->submitted)];
}

static bool result_of(const TextPool *pool)
{
    errno = pool->write_errno;
    return pool->write_errno == 0;
}

/* Until so few batches are not yet written; called with the mutex held. */
static void work_off(TextPool *pool, unsigned n_unwritten)
{
    while (pool->submitted - pool->written > n_unwritten) {
        if (pool->taken < pool->submitted) {
            format_next(pool, pool->scratch);
        } else {
            g_cond_wait(&pool->written_cond, &pool->mutex);
        }
    }
}

bool text_pool_submit(TextPool *pool)
{
    bool ok;

    g_mutex_lock(&pool->mutex);
    pool->submitted++;
    g_cond_signal(&pool->filled);
    work_off(pool, pool->n_threads ? pool->n_batches - 1 : 0);
    ok = result_of(pool);
    g_mutex_unlock(&pool->mutex);
    return ok;
}

bool text_pool_drain(TextPool *pool)
{
    bool ok;

    g_mutex_lock(&pool->mutex);
    work_off(pool, 0);
    ok = result_of(pool);
    g_mutex_unlock(&pool->mutex);
    return ok;
}
