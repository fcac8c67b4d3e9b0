/*
 * TimelineScale: how the ticks of a timeline become times.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/timeline-scale.h"

#define NS_PER_SECOND UINT64_C(1000000000)

static uint64_t divide_up(unsigned __int128 dividend, uint64_t divisor)
{
    unsigned __int128 quotient = (dividend + divisor - 1) / divisor;

    return quotient > UINT64_MAX ? UINT64_MAX : (uint64_t)quotient;
}

/* time without the scale's offset, within what ticks can reach */
static uint64_t remove_offset(uint64_t time, int64_t ns_offset)
{
    __int128 plain = (__int128)time - ns_offset;

    if (plain < 0) {
        return 0;
    }
    return plain > UINT64_MAX ? UINT64_MAX : (uint64_t)plain;
}

uint64_t timeline_scale_invert(const TimelineScale *scale, uint64_t time)
{
    uint64_t ns = remove_offset(time, scale->ns_offset);

    switch (scale->unit) {
    case TIMELINE_NS:
        return divide_up((unsigned __int128)ns << scale->shift, scale->mult);
    case TIMELINE_HZ:
        return divide_up((unsigned __int128)ns * scale->hz, NS_PER_SECOND);
    default:
        return time;
    }
}

bool timeline_scale_equal(const TimelineScale *a, const TimelineScale *b)
{
    return a->unit == b->unit && a->mult == b->mult && a->shift == b->shift &&
           a->hz == b->hz && a->ns_offset == b->ns_offset;
}
