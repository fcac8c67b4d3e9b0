/*
 * MergeLanes: the events of many CPUs in one order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MERGE_LANES_H
#define MERGE_LANES_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#include "merge/merge-block.h"
#include "merge/timeline-event.h"
#include "trace-data/event-filter.h"

/* One CPU of one file. */
typedef struct MergeSlot {
    unsigned cpu;
    const TimelineInput *input;
    CpuCursor *cursor;
    EventFilterState filter_state;
    int64_t missed_events; /* before events that were not wanted */
} MergeSlot;

typedef struct MergeLanes {
    GArray *slots;    /* of MergeSlot; all of them */
    GArray *lanes;    /* of slots that have more events, in their order */
    bool by_time;     /* the inputs' ticks differ: compare nanoseconds */
    bool started;     /* there are lanes */
    bool has_unknown; /* some lane's next event must be looked for */
    uint64_t end_key; /* of the last event to hand out */
    GPtrArray *kept;  /* see timeline_keep() */
    GPtrArray *left;  /* where a cursor's pages go; NULL: nowhere */

    MergeBlock block;      /* in hand, of many lanes; values count the events */
    TimelineEvent *events; /* of the block, with room for max_events */
    size_t max_events;
    GPtrArray *held;     /* what the block's events stand in, of PageBuffer */
    size_t held_bytes;   /* of pages in it */
    size_t next_item;    /* to hand out */
    size_t n_ready;      /* items up to end_key */
    size_t n_complete;   /* items before which nothing can come any more */
    uint64_t first_key;  /* what the items' keys count from */
    uint64_t last_key;   /* the block is complete up to it */
    uint64_t span_ticks; /* that a block has at most */
    uint64_t n_carried;  /* events moved from a block to the next, so far */
} MergeLanes;

void merge_lanes_init(MergeLanes *lanes);
void merge_lanes_clear(MergeLanes *lanes);

/* Adds a CPU that the input wants; input must outlive the lanes. */
void merge_lanes_add(MergeLanes *lanes, const TimelineInput *input,
                     unsigned cpu);

static inline MergeSlot *merge_slot_at(const MergeLanes *lanes, guint i)
{
    return &g_array_index(lanes->slots, MergeSlot, i);
}

/*
 * The next events that are wanted, max_events at most, valid until the next
 * call: at equal keys, the slot's that was added first.  0 when there are none
 * up to end_key.
 */
size_t merge_lanes_read(MergeLanes *lanes, TimelineEvent *events,
                        size_t max_events);

/* Sets end_key, at any time. */
void merge_lanes_set_end(MergeLanes *lanes, uint64_t end_key);

/* Before slots' cursors are moved. */
void merge_lanes_restart(MergeLanes *lanes);

#endif
