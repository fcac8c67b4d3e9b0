/*
 * Breakdown: where an interval's time went, cause by cause.
 *
 * The parts add up to the interval to the tick, and to the nanosecond: a
 * piece's nanoseconds are the difference of its two ends' absolute times.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BREAKDOWN_H
#define BREAKDOWN_H

#include <glib.h>
#include <stdint.h>

#include "explain/cause.h"

typedef struct BreakdownPart {
    Cause cause;
    uint64_t ticks;
    uint64_t ns;
    unsigned permille; /* of the interval; all parts' are 1000 together */
} BreakdownPart;

typedef struct Breakdown {
    GArray *parts; /* of BreakdownPart */
    uint64_t total_ticks;
    uint64_t total_ns;
} Breakdown;

Breakdown *breakdown_new(void);
void breakdown_free(Breakdown *breakdown);
Breakdown *breakdown_copy(const Breakdown *breakdown);
void breakdown_clear(Breakdown *breakdown);

void breakdown_add(Breakdown *breakdown, Cause cause, uint64_t ticks,
                   uint64_t ns);

/* Largest first; sets permille, rounded so that they add up. */
void breakdown_finish(Breakdown *breakdown);

/* The ticks of CAUSE_UNKNOWN. */
uint64_t breakdown_unknown_ticks(const Breakdown *breakdown);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Breakdown, breakdown_free)

#endif
