/*
 * MergeLanes: the events of many CPUs in one order, as runs of one CPU's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MERGE_LANES_H
#define MERGE_LANES_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#include "merge/merge-block.h"
#include "merge/timeline-input.h"
#include "trace-data/cpu-cursor.h"
#include "trace-data/event-filter.h"

/* One CPU of one file. */
typedef struct MergeSlot {
    CpuBatch batch; /* what is left to hand out */
    CpuBatch ahead; /* what comes behind it, if has_ahead */
    bool has_ahead;
    bool is_at_end; /* the cursor has no more */
    unsigned cpu;
    const TimelineInput *input;
    CpuCursor *cursor;
    /* The timeline's. */
    EventFilterState filter_state;
    int64_t missed_events; /* before events that were not wanted */
} MergeSlot;

/* Events of one slot that follow each other. */
typedef struct MergeRun {
    MergeSlot *slot;
    const CpuEntry *next; /* of the slot's batch */
    const CpuEntry *end;
    uint64_t last_ticks; /* of the line, at which it ends before its end */
    bool is_plain;       /* cpu_batch_look() tells all of them */
} MergeRun;

static inline bool merge_run_has_next(const MergeRun *run)
{
    return run->next < run->end && run->next->line_ticks <= run->last_ticks;
}

/* An event of a block. */
typedef struct MergeEvent {
    uint64_t line_ticks;
    const CpuEntry *entry; /* of a special one; else where its data is: */
    const uint8_t *data;
    uint32_t size_bytes;
    uint32_t slot; /* | MERGE_SPECIAL, MERGE_AHEAD */
} MergeEvent;

#define MERGE_SPECIAL (1u << 31) /* to be read from its batch */
#define MERGE_AHEAD   (1u << 30) /* which is the slot's ahead */
#define MERGE_SLOT    (MERGE_AHEAD - 1)

/* So many events before it is its turn, an event is fetched. */
#define MERGE_PREFETCH 8

typedef struct MergeLanes {
    MergeRun run;   /* in hand, of few lanes; its next is the user's to move */
    GArray *slots;  /* of MergeSlot; all of them */
    GArray *lanes;  /* of slots that have more events, in their order */
    bool by_time;   /* the inputs' ticks differ: compare nanoseconds */
    bool started;   /* there are lanes */
    bool has_empty; /* some lane's batch is used up */
    uint64_t end_key; /* of the last event to hand out */
    guint lane;       /* that the run is of */
    GPtrArray *kept;  /* see timeline_keep() */

    MergeBlock block;   /* in hand, of many lanes; values count the events */
    MergeEvent *events; /* of the block, with room for max_events */
    size_t max_events;
    size_t next_item;    /* to hand out */
    size_t n_ready;      /* items up to end_key */
    uint64_t first_key;  /* what the items' keys count from */
    uint64_t span_ticks; /* that a block has at most */
} MergeLanes;

void merge_lanes_init(MergeLanes *lanes);
void merge_lanes_clear(MergeLanes *lanes);

/* Adds a CPU that the input wants; input must outlive the lanes. */
void merge_lanes_add(MergeLanes *lanes, const TimelineInput *input,
                     unsigned cpu);

/* What an event is compared by. */
static inline uint64_t merge_key(const MergeLanes *lanes, const MergeSlot *slot,
                                 const CpuEntry *entry)
{
    return lanes->by_time
               ? timeline_scale_apply(&slot->input->scale, entry->line_ticks)
               : entry->line_ticks;
}

static inline MergeSlot *merge_slot_at(const MergeLanes *lanes, guint i)
{
    return &g_array_index(lanes->slots, MergeSlot, i);
}

/*
 * Puts the next events in hand, a run or a block: at equal keys, the slot's
 * that was added first.  False when there are none, or none up to end_key.
 */
bool merge_lanes_advance(MergeLanes *lanes);

/* The slot of the next event of the run in hand; NULL where that has none. */
static inline MergeSlot *merge_lanes_take_of_run(MergeLanes *lanes,
                                                 CpuEvent *event)
{
    MergeRun *run = &lanes->run;
    MergeSlot *slot = run->slot;

    if (!merge_run_has_next(run)) {
        return NULL;
    }
    if (run->is_plain) {
        cpu_batch_look(&slot->batch, run->next++, event);
    } else {
        cpu_batch_read(&slot->batch, run->next++, event);
    }
    return slot;
}

/* The same of the block in hand. */
static inline MergeSlot *merge_lanes_take_of_block(MergeLanes *lanes,
                                                   CpuEvent *event)
{
    const MergeEvent *next;
    MergeSlot *slot;

    if (lanes->next_item == lanes->n_ready) {
        return NULL;
    }
    next =
        &lanes
             ->events[merge_item_value(lanes->block.items[lanes->next_item++])];
    slot = merge_slot_at(lanes, next->slot & MERGE_SLOT);
    if (next->slot & MERGE_SPECIAL) {
        cpu_batch_read(next->slot & MERGE_AHEAD ? &slot->ahead : &slot->batch,
                       next->entry, event);
        return slot;
    }
    event->line_ticks = next->line_ticks;
    event->data = next->data;
    event->size_bytes = next->size_bytes;
    event->ticks = next->line_ticks - slot->batch.line_add_ticks;
    event->error_ticks = slot->batch.error_ticks;
    event->missed_events = 0;
    event->loss_follows = false;
    return slot;
}

/* Sets end_key, at any time. */
void merge_lanes_set_end(MergeLanes *lanes, uint64_t end_key);

/* After each slot's cursor was moved. */
void merge_lanes_restart(MergeLanes *lanes);

#endif
