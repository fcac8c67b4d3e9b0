/*
 * MergeLanes: the events of many CPUs in one order, as runs of one CPU's.
 *
 * A few CPUs' events come in long runs: whose turn it is, and until when, is
 * found by a look at each one's next event.  With many CPUs the turn changes
 * with each event.  So what all of them have up to some time is put in order
 * at once, block by block, at a cost that hardly depends on their number.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/merge-lanes.h"

#define FEW_LANES 8

/* So many events in a block fit into the caches. */
#define MANY_ITEMS 4096
#define FEW_ITEMS  1024
#define MAX_SPAN   (UINT64_C(1) << MERGE_KEY_BITS)
/* The first block must not be all that the first batches hold. */
#define FIRST_SPAN (UINT64_C(1) << 16)

/*
 * A slot that has more events.  A slot's events keep their order: one that is
 * earlier than one before it counts as at that one's time.
 */
typedef struct Lane {
    uint32_t slot;
    bool is_empty;      /* all that is in hand is in the block */
    uint64_t first_key; /* of the next event that is in no block */
    uint64_t last_key;  /* none after what is in hand has a smaller one */
} Lane;

/*
 * What a block holds: keys up to the last one, at which it ends with a lane;
 * those that come after it have none of that key.  So what is equal is in the
 * order of the lanes, which is that in which files and CPUs are given.
 */
typedef struct Extent {
    uint64_t first_key;
    uint64_t last_key;
    guint last_lane;
} Extent;

static inline Lane *lane_at(const MergeLanes *lanes, guint i)
{
    return &g_array_index(lanes->lanes, Lane, i);
}

static inline MergeSlot *slot_of(const MergeLanes *lanes, const Lane *lane)
{
    return merge_slot_at(lanes, lane->slot);
}

void merge_lanes_init(MergeLanes *lanes)
{
    *lanes = (MergeLanes){
        .slots = g_array_new(FALSE, FALSE, sizeof(MergeSlot)),
        .lanes = g_array_new(FALSE, FALSE, sizeof(Lane)),
        .end_key = UINT64_MAX,
    };
}

void merge_lanes_clear(MergeLanes *lanes)
{
    for (guint i = 0; i < lanes->slots->len; i++) {
        MergeSlot *slot = merge_slot_at(lanes, i);

        cpu_batch_clear(&slot->batch);
        cpu_batch_clear(&slot->ahead);
        cpu_cursor_free(slot->cursor);
    }
    g_array_unref(lanes->slots);
    g_array_unref(lanes->lanes);
    merge_block_free(&lanes->block);
    g_free(lanes->events);
}

void merge_lanes_add(MergeLanes *lanes, const TimelineInput *input,
                     unsigned cpu)
{
    const ClockTrack *track = input->tracks && cpu < input->tracks->len
                                  ? input->tracks->pdata[cpu]
                                  : NULL;
    MergeSlot slot = {
        .input = input,
        .cpu = cpu,
        .cursor = cpu_cursor_new(input->dat, cpu, track, input->shift_ticks),
    };

    g_array_append_val(lanes->slots, slot);
}

static void start(MergeLanes *lanes)
{
    g_array_set_size(lanes->lanes, 0);
    for (guint i = 0; i < lanes->slots->len; i++) {
        const Lane lane = {.slot = i, .is_empty = true};

        g_array_append_val(lanes->lanes, lane);
    }
    lanes->span_ticks = FIRST_SPAN;
    lanes->lane = G_MAXUINT;
    lanes->has_empty = true;
    lanes->started = true;
}

static void clear_block(MergeLanes *lanes)
{
    merge_block_clear(&lanes->block);
    lanes->next_item = lanes->n_ready = 0;
}

void merge_lanes_restart(MergeLanes *lanes)
{
    lanes->started = false;
    lanes->run = (MergeRun){0};
    clear_block(lanes);
    for (guint i = 0; i < lanes->slots->len; i++) {
        MergeSlot *slot = merge_slot_at(lanes, i);

        slot->batch.next = slot->batch.end = NULL;
        slot->has_ahead = false;
        slot->is_at_end = false;
    }
}

/* Goes on with what comes behind a batch that is used up. */
static inline void use_ahead(MergeSlot *slot)
{
    if (slot->batch.next == slot->batch.end && slot->has_ahead) {
        CpuBatch done = slot->batch;

        slot->batch = slot->ahead;
        slot->ahead = done;
        slot->has_ahead = false;
    }
}

/* What a batch's events stand in may still be wanted, when it is done. */
static void keep_pages(const MergeLanes *lanes, CpuBatch *batch)
{
    if (lanes->kept && batch->pages) {
        g_ptr_array_add(lanes->kept, g_steal_pointer(&batch->pages));
    }
}

static bool read_ahead(const MergeLanes *lanes, MergeSlot *slot)
{
    keep_pages(lanes, &slot->ahead);
    slot->is_at_end =
        slot->is_at_end || !cpu_cursor_next_batch(slot->cursor, &slot->ahead);
    slot->has_ahead = !slot->is_at_end;
    return slot->has_ahead;
}

static void set_last_key(const MergeLanes *lanes, Lane *lane,
                         const CpuBatch *last)
{
    lane->last_key = MAX(lane->first_key,
                         merge_key(lanes, slot_of(lanes, lane), last->end - 1));
}

/* The next batch of a lane that has none; false at its end. */
static bool fill_lane(const MergeLanes *lanes, Lane *lane)
{
    MergeSlot *slot = slot_of(lanes, lane);

    if (!read_ahead(lanes, slot)) {
        return false;
    }
    use_ahead(slot);
    lane->first_key =
        MAX(lane->last_key, merge_key(lanes, slot, slot->batch.next));
    set_last_key(lanes, lane, &slot->batch);
    lane->is_empty = false;
    return true;
}

/* Those that have no more events go. */
static void fill_lanes(MergeLanes *lanes)
{
    guint n_kept = 0;

    for (guint i = 0; i < lanes->lanes->len; i++) {
        Lane *lane = lane_at(lanes, i);

        if (!lane->is_empty || fill_lane(lanes, lane)) {
            *lane_at(lanes, n_kept++) = *lane;
        }
    }
    g_array_set_size(lanes->lanes, n_kept);
    lanes->has_empty = false;
}

/*
 * From the first event on, not too far, and up to where the first lane has no
 * more in hand: its batch and, where that ends too soon, what comes behind.
 */
static Extent find_extent(const MergeLanes *lanes)
{
    Extent extent = {UINT64_MAX, UINT64_MAX, lanes->lanes->len};

    for (guint i = 0; i < lanes->lanes->len; i++) {
        extent.first_key = MIN(extent.first_key, lane_at(lanes, i)->first_key);
    }
    if (extent.last_key - extent.first_key >= lanes->span_ticks) {
        extent.last_key = extent.first_key + lanes->span_ticks - 1;
    }
    for (guint i = 0; i < lanes->lanes->len; i++) {
        Lane *lane = lane_at(lanes, i);
        MergeSlot *slot = slot_of(lanes, lane);

        use_ahead(slot);
        if (lane->last_key < extent.last_key && !slot->has_ahead &&
            read_ahead(lanes, slot)) {
            set_last_key(lanes, lane, &slot->ahead);
        }
        if (lane->last_key < extent.last_key && !slot->is_at_end) {
            extent.last_key = lane->last_key;
            extent.last_lane = i;
        }
        if (!slot->has_ahead) {
            /* Most lanes need no second batch: its memory is for others. */
            keep_pages(lanes, &slot->ahead);
            cpu_batch_clear(&slot->ahead);
        }
    }
    return extent;
}

static void make_room(MergeLanes *lanes, size_t n_events)
{
    size_t n_items = lanes->block.n_items;

    merge_block_reserve(&lanes->block, n_events);
    if (lanes->max_events - n_items < n_events) {
        lanes->max_events = (n_items + n_events) * 2;
        lanes->events = g_renew(MergeEvent, lanes->events, lanes->max_events);
    }
}

/* The part of a lane that is to be put in order. */
typedef struct LanePart {
    Lane *lane;
    MergeSlot *slot;
    uint64_t last_key; /* of what is wanted of it */
} LanePart;

/* How a batch's events stand in the block. */
static uint32_t flags_of(const LanePart *part, const CpuBatch *batch)
{
    const MergeSlot *slot = part->slot;
    uint32_t flags = part->lane->slot;

    if (batch == &slot->ahead) {
        flags |= MERGE_AHEAD;
    }
    if (batch->ticks || batch->line_add_ticks != slot->batch.line_add_ticks ||
        batch->error_ticks != slot->batch.error_ticks) {
        flags |= MERGE_SPECIAL;
    }
    return flags;
}

/* Losses are told with the batch's first and last event. */
static void mark_losses(const CpuBatch *batch, const CpuEntry *end,
                        MergeEvent *first, MergeEvent *last)
{
    if (batch->missed_events != 0) {
        first->slot |= MERGE_SPECIAL;
    }
    if (end == batch->end && batch->loss_follows) {
        last->slot |= MERGE_SPECIAL;
    }
}

/*
 * Moves a batch's events up to the part's last key to the block.  True when
 * there are more.
 */
static bool order_batch(MergeLanes *lanes, const LanePart *part,
                        CpuBatch *batch)
{
    const CpuEntry *entry = batch->next;
    const CpuEntry *end = batch->end;
    const uint32_t flags = flags_of(part, batch);
    uint64_t key =
        MAX(part->lane->first_key, merge_key(lanes, part->slot, entry));
    size_t n_before, n;

    make_room(lanes, (size_t)(end - entry));
    n = n_before = lanes->block.n_items;
    while (key <= part->last_key) {
        const uint8_t *data = batch->page + entry->offset_bytes;

        __builtin_prefetch(data);
        __builtin_prefetch(entry + 8);
        lanes->events[n] = (MergeEvent){entry->line_ticks, entry, data,
                                        entry->size_bytes, flags};
        lanes->block.items[n] = merge_item(key - lanes->first_key, (uint32_t)n);
        n++;
        if (++entry == end) {
            break;
        }
        key = MAX(key, merge_key(lanes, part->slot, entry));
    }
    if (n > n_before) {
        mark_losses(batch, entry, &lanes->events[n_before],
                    &lanes->events[n - 1]);
    }
    part->lane->first_key = key;
    part->lane->last_key = MAX(part->lane->last_key, key);
    lanes->block.n_items = n;
    batch->next = entry;
    return entry < end;
}

static void order_lane(MergeLanes *lanes, const LanePart *part)
{
    MergeSlot *slot = part->slot;

    part->lane->is_empty =
        !order_batch(lanes, part, &slot->batch) &&
        (!slot->has_ahead || !order_batch(lanes, part, &slot->ahead));
    lanes->has_empty |= part->lane->is_empty;
}

/* Dense and sparse traces alike make blocks of a good size. */
static void adapt_span(MergeLanes *lanes, uint64_t span_ticks)
{
    size_t n_items = lanes->block.n_items;

    if (n_items > MANY_ITEMS) {
        lanes->span_ticks = span_ticks / (n_items / FEW_ITEMS) + 1;
    } else if (n_items < FEW_ITEMS) {
        lanes->span_ticks = MIN(lanes->span_ticks * 2, MAX_SPAN);
    }
}

/* Finds out how many of the block's events come before the end. */
static void count_ready(MergeLanes *lanes)
{
    size_t low = 0, high = lanes->block.n_items;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t key = merge_item_key(lanes->block.items[middle]);

        if (lanes->first_key + key > lanes->end_key) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    lanes->n_ready = MAX(low, lanes->next_item);
}

static void make_block(MergeLanes *lanes)
{
    Extent extent = find_extent(lanes);

    lanes->first_key = extent.first_key;
    for (guint i = 0; i < lanes->lanes->len; i++) {
        bool is_behind = i > extent.last_lane;
        Lane *lane = lane_at(lanes, i);
        const Lane *later = lane_at(lanes, MIN(i + 3, lanes->lanes->len - 1));
        const LanePart part = {
            .lane = lane,
            .slot = slot_of(lanes, lane),
            .last_key = extent.last_key - is_behind,
        };

        __builtin_prefetch(slot_of(lanes, later)->batch.next);
        __builtin_prefetch(slot_of(lanes, later)->batch.next + 4);
        if (lane->first_key < extent.last_key ||
            (lane->first_key == extent.last_key && !is_behind)) {
            order_lane(lanes, &part);
        }
    }
    merge_block_sort(&lanes->block, extent.last_key - extent.first_key);
    adapt_span(lanes, extent.last_key - extent.first_key);
    count_ready(lanes);
}

/* The lane with the smallest key, and the last key of its turn. */
static guint find_turn(const MergeLanes *lanes, uint64_t *last_key)
{
    const Lane *lane = lane_at(lanes, 0);
    uint64_t first_key = lane->first_key;
    uint64_t second_key = UINT64_MAX;
    guint first = 0, second = G_MAXUINT;

    for (guint i = 1; i < lanes->lanes->len; i++) {
        uint64_t key = lane[i].first_key;

        if (key < first_key) {
            second_key = first_key;
            second = first;
            first_key = key;
            first = i;
        } else if (key < second_key) {
            second_key = key;
            second = i;
        }
    }
    *last_key = second_key - (first > second);
    return first;
}

/* What became of the lane whose turn it was. */
static void end_turn(MergeLanes *lanes)
{
    Lane *lane;
    MergeSlot *slot;

    if (lanes->lane == G_MAXUINT) {
        return;
    }
    lane = lane_at(lanes, lanes->lane);
    slot = slot_of(lanes, lane);
    lanes->lane = G_MAXUINT;
    use_ahead(slot);
    if (slot->batch.next < slot->batch.end) {
        lane->first_key = merge_key(lanes, slot, slot->batch.next);
    } else {
        lane->is_empty = lanes->has_empty = true;
    }
}

/* Where a batch has the first event after a key. */
static const CpuEntry *find_after(const MergeLanes *lanes,
                                  const MergeSlot *slot, uint64_t key)
{
    const CpuEntry *entry = slot->batch.next;

    while (entry < slot->batch.end && merge_key(lanes, slot, entry) <= key) {
        entry++;
    }
    return entry;
}

static bool make_run(MergeLanes *lanes)
{
    uint64_t last_key;
    MergeSlot *slot;
    const CpuBatch *batch;

    lanes->lane = find_turn(lanes, &last_key);
    last_key = MIN(last_key, lanes->end_key);
    slot = slot_of(lanes, lane_at(lanes, lanes->lane));
    use_ahead(slot);
    batch = &slot->batch;
    lanes->run = (MergeRun){
        .slot = slot,
        .next = batch->next,
        .end = lanes->by_time ? find_after(lanes, slot, last_key) : batch->end,
        .last_ticks = lanes->by_time ? UINT64_MAX : last_key,
        .is_plain =
            !batch->ticks && batch->missed_events == 0 && !batch->loss_follows,
    };
    return merge_run_has_next(&lanes->run);
}

static void end_run(MergeLanes *lanes)
{
    if (lanes->run.slot) {
        lanes->run.slot->batch.next = lanes->run.next;
    }
    lanes->run = (MergeRun){0};
}

void merge_lanes_set_end(MergeLanes *lanes, uint64_t end_key)
{
    lanes->end_key = end_key;
    end_run(lanes);
    count_ready(lanes);
}

bool merge_lanes_advance(MergeLanes *lanes)
{
    end_run(lanes);
    if (!lanes->started) {
        start(lanes);
    }
    if (lanes->next_item < lanes->block.n_items) {
        return false; /* those are behind the end */
    }
    clear_block(lanes);
    end_turn(lanes);
    if (lanes->has_empty) {
        fill_lanes(lanes);
    }
    if (lanes->lanes->len == 0) {
        return false;
    }
    if (lanes->lanes->len <= FEW_LANES) {
        return make_run(lanes);
    }
    make_block(lanes);
    return lanes->n_ready > 0;
}
