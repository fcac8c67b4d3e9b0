/*
 * TextPool: formats batches in parallel and writes them in their order.
 *
 * Holds a fixed number of batches; whoever fills them formats some of them,
 * and waits while the output is slow.  With one processor there are no threads.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TEXT_POOL_H
#define TEXT_POOL_H

#include <stdbool.h>
#include <stdio.h>
#include <glib.h>

#include "output/text-batch.h"

typedef struct TextPool TextPool;

/*
 * n_threads counts the caller's own; 0: as many as processors.  stream stays
 * the caller's.
 */
TextPool *text_pool_new(FILE *stream, bool show_diff, unsigned n_threads);
/* Drops what was not yet written. */
void text_pool_free(TextPool *pool);

/* The batch to fill next; an empty one.  The pool's. */
TextBatch *text_pool_batch(TextPool *pool);

/*
 * Hands over the batch in hand.  False, with errno set, once the stream did
 * not take a batch.
 */
bool text_pool_submit(TextPool *pool);
/* Waits until all is written; the same result. */
bool text_pool_drain(TextPool *pool);

#endif
