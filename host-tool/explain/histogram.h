/*
 * Histogram: many durations in constant memory, for percentiles.
 *
 * Buckets are 1/64 of an octave wide, so a percentile is at most 1.6 % above
 * the true value; count, sum, minimum and maximum are exact.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Histogram {
    uint64_t count;
    uint64_t sum_ticks;
    uint64_t min_ticks; /* 0 when empty */
    uint64_t max_ticks;
    uint32_t *buckets; /* allocated with the first value */
} Histogram;

void histogram_add(Histogram *histogram, uint64_t ticks);
void histogram_clear(Histogram *histogram);
/* Adds all of from's. */
void histogram_merge(Histogram *histogram, const Histogram *from);

/*
 * The least value that at least this share of the values does not exceed,
 * rounded up to its bucket's end but never above the maximum.  share is in
 * [0, 1].  0 when empty.
 */
uint64_t histogram_percentile(const Histogram *histogram, double share);

/*
 * Whether so many values tell this percentile: at least one of them lies
 * above it, so p99.9 takes 1000 of them.  With fewer it is the maximum by
 * another name.
 */
bool histogram_tells(uint64_t count, double share);

/* Bucket by bucket: values in [*from, *to] were seen count times. */
unsigned histogram_n_buckets(void);
uint64_t histogram_bucket(const Histogram *histogram, unsigned index,
                          uint64_t *from, uint64_t *to);

#endif
