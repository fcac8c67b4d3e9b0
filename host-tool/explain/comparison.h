/*
 * Comparison: what differs between two analyses, cause by cause.
 *
 * Everything is per second that host and guest both recorded, so that
 * recordings of different lengths can be compared; pids and CPU numbers are
 * left out of the causes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef COMPARISON_H
#define COMPARISON_H

#include <glib.h>
#include <stdint.h>

#include "explain/analysis.h"

/* One side of a row. */
typedef struct ComparedSide {
    double ns_per_s;
    uint64_t n_first; /* intervals of which it was the largest part */
} ComparedSide;

/* What a cause took of all intervals of one kind. */
typedef struct ComparedCause {
    IntervalKind kind;
    char *text; /* cause_class_text()'s */
    ComparedSide a;
    ComparedSide b;
} ComparedCause;

/* One side of the next. */
typedef struct ComparedSpread {
    uint64_t count;
    double per_s; /* how many */
    uint64_t p99_ns;
    uint64_t max_ns;
} ComparedSpread;

/* All vCPUs' latencies of one kind, or exits of one reason. */
typedef struct ComparedTimes {
    char *text;
    ComparedSpread a;
    ComparedSpread b;
} ComparedTimes;

typedef struct Comparison {
    GArray *causes; /* of ComparedCause, the largest change first */
    GArray *times;  /* of ComparedTimes; exits last, by name */
} Comparison;

Comparison *comparison_make(const Analysis *a, const Analysis *b);
void comparison_free(Comparison *comparison);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Comparison, comparison_free)

#endif
