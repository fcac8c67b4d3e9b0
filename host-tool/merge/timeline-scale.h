/*
 * TimelineScale: how the ticks of a timeline become times.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TIMELINE_SCALE_H
#define TIMELINE_SCALE_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

/* How the ticks of the line become what is printed and compared. */
typedef enum TimelineUnit {
    TIMELINE_TICKS, /* no conversion is known */
    TIMELINE_NS,    /* (ticks * mult >> shift) + ns_offset */
    TIMELINE_HZ,    /* ticks * 10^9 / hz + ns_offset */
} TimelineUnit;

typedef struct TimelineScale {
    TimelineUnit unit;
    uint32_t mult;
    uint32_t shift;
    uint64_t hz;
    int64_t ns_offset;
} TimelineScale;

bool timeline_scale_equal(const TimelineScale *a, const TimelineScale *b);

/*
 * Nanoseconds, or the ticks themselves; rounds down.  In the header for speed:
 * it runs once for each event.
 */
static inline uint64_t timeline_scale_apply(const TimelineScale *scale,
                                            uint64_t ticks)
{
    const unsigned __int128 wide_ticks = ticks;
    uint64_t ns;

    switch (scale->unit) {
    case TIMELINE_NS:
        if (G_LIKELY(scale->shift <= 32)) {
            /* The upper half's product has no bits that the shift drops. */
            ns = ((ticks >> 32) * scale->mult << (32 - scale->shift)) +
                 ((ticks & UINT32_MAX) * scale->mult >> scale->shift);
        } else {
            ns = (uint64_t)(wide_ticks * scale->mult >> scale->shift);
        }
        return ns + (uint64_t)scale->ns_offset;
    case TIMELINE_HZ:
        return (uint64_t)(wide_ticks * UINT64_C(1000000000) / scale->hz) +
               (uint64_t)scale->ns_offset;
    default:
        return ticks;
    }
}

/*
 * Where nanoseconds are the upper half of the ticks' product with one number,
 * plus ns_offset, that number: for who converts many.  Else 0.
 */
static inline uint64_t timeline_scale_factor(const TimelineScale *scale)
{
    bool is_fraction = scale->unit == TIMELINE_NS && scale->shift > 0 &&
                       scale->shift <= 32 &&
                       scale->mult >> (scale->shift - 1) >> 1 == 0;

    return is_fraction ? (uint64_t)scale->mult << (64 - scale->shift) : 0;
}

static inline uint64_t timeline_scale_multiply(const TimelineScale *scale,
                                               uint64_t factor, uint64_t ticks)
{
    const unsigned __int128 wide_ticks = ticks;

    return (uint64_t)(wide_ticks * factor >> 64) + (uint64_t)scale->ns_offset;
}

/*
 * The smallest tick that is at or after time: timeline_scale_apply()'s
 * inverse.  UINT64_MAX when there is none.
 */
uint64_t timeline_scale_invert(const TimelineScale *scale, uint64_t time);

#endif
