/*
 * OffsetSearch: which TSC offsets put every event of a guest CPU inside a
 * window of its vCPU.
 *
 * Each event at guest tick g leaves the offsets g - h, h in a window; the
 * search keeps their intersection.  It is a set of intervals that certainly
 * has the true offset, so its width bounds the error.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef OFFSET_SEARCH_H
#define OFFSET_SEARCH_H

#include <glib.h>
#include <stdint.h>

typedef struct OffsetSearch OffsetSearch;

/*
 * The true offset, in guest = host + offset modulo 2^64, lies in the range of
 * width_ticks that begins with low_ticks.  windows: of HostWindow, borrowed;
 * NULL when offset_search_set_windows() follows.
 */
OffsetSearch *offset_search_new(const GArray *windows, int64_t low_ticks,
                                uint64_t width_ticks);
void offset_search_free(OffsetSearch *search);

/* The events that follow are of another vCPU with the same offset. */
void offset_search_set_windows(OffsetSearch *search, const GArray *windows);

/* An event of the guest CPU at that tick of its own. */
void offset_search_event(OffsetSearch *search, uint64_t guest_ticks);

typedef struct OffsetBound {
    int64_t offset_ticks; /* the middle of what is left */
    uint64_t error_ticks; /* the true one is not farther away */
    uint64_t n_events;
    uint64_t n_outside; /* events that no offset left could explain */
    guint n_intervals;
    uint64_t left_ticks; /* of all intervals together */
} OffsetBound;

/* How many intervals are left: each event costs as much time. */
guint offset_search_n_intervals(const OffsetSearch *search);
uint64_t offset_search_n_outside(const OffsetSearch *search);

/* What is left. */
OffsetBound offset_search_result(const OffsetSearch *search);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(OffsetSearch, offset_search_free)

#endif
