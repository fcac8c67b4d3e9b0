/*
 * Histogram: many durations in constant memory, for percentiles.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/histogram.h"

#include <math.h>

#define SUB_BITS  6
#define N_SUBS    (1u << SUB_BITS)
#define N_BUCKETS ((64 - SUB_BITS + 1) * N_SUBS)

/* Values below N_SUBS have buckets of their own; above, the top bits count. */
static unsigned index_of(uint64_t value)
{
    unsigned shift;

    if (value < N_SUBS) {
        return (unsigned)value;
    }
    shift = 63u - (unsigned)__builtin_clzll(value) - SUB_BITS;
    return (shift + 1) * N_SUBS + (unsigned)(value >> shift) - N_SUBS;
}

static uint64_t lowest_of(unsigned index)
{
    unsigned shift;

    if (index < N_SUBS) {
        return index;
    }
    shift = index / N_SUBS - 1;
    return (uint64_t)(N_SUBS + index % N_SUBS) << shift;
}

static uint64_t highest_of(unsigned index)
{
    return index + 1 < N_BUCKETS ? lowest_of(index + 1) - 1 : UINT64_MAX;
}

void histogram_add(Histogram *histogram, uint64_t ticks)
{
    if (!histogram->buckets) {
        histogram->buckets = g_new0(uint32_t, N_BUCKETS);
        histogram->min_ticks = ticks;
    }
    histogram->count++;
    histogram->sum_ticks += ticks;
    histogram->min_ticks = MIN(histogram->min_ticks, ticks);
    histogram->max_ticks = MAX(histogram->max_ticks, ticks);
    histogram->buckets[index_of(ticks)]++;
}

void histogram_clear(Histogram *histogram)
{
    g_free(histogram->buckets);
    *histogram = (Histogram){0};
}

void histogram_merge(Histogram *histogram, const Histogram *from)
{
    if (from->count == 0) {
        return;
    }
    if (!histogram->buckets) {
        histogram->buckets = g_new0(uint32_t, N_BUCKETS);
        histogram->min_ticks = from->min_ticks;
    }
    histogram->count += from->count;
    histogram->sum_ticks += from->sum_ticks;
    histogram->min_ticks = MIN(histogram->min_ticks, from->min_ticks);
    histogram->max_ticks = MAX(histogram->max_ticks, from->max_ticks);
    for (unsigned i = 0; i < N_BUCKETS; i++) {
        histogram->buckets[i] += from->buckets[i];
    }
}

uint64_t histogram_percentile(const Histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)ceil(share * (double)histogram->count);
    uint64_t seen = 0;

    if (histogram->count == 0) {
        return 0;
    }
    wanted = CLAMP(wanted, 1, histogram->count);
    for (unsigned i = 0; i < N_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted) {
            return MIN(highest_of(i), histogram->max_ticks);
        }
    }
    return histogram->max_ticks;
}

bool histogram_tells(uint64_t count, double share)
{
    /* A share such as 0.999 is not exact in binary. */
    return (1 - share) * (double)count >= 1 - 1e-6;
}

unsigned histogram_n_buckets(void)
{
    return N_BUCKETS;
}

uint64_t histogram_bucket(const Histogram *histogram, unsigned index,
                          uint64_t *from, uint64_t *to)
{
    *from = lowest_of(index);
    *to = highest_of(index);
    return histogram->buckets ? histogram->buckets[index] : 0;
}
