/*
 * MergeLanes: the events of many CPUs in one order.
 *
 * A few CPUs' events come in long runs: whose turn it is, and until when, is
 * found by a look at each one's next event.  With many CPUs the turn changes
 * with each event.  So what all of them have up to some time is put in order
 * at once, block by block, at a cost that hardly depends on their number.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/merge-lanes.h"

#include <string.h>

#include "trace-data/page-source.h"

#define FEW_LANES 4

/* So many events in a block fit into the caches. */
#define MANY_ITEMS 8192
#define FEW_ITEMS  2048
#define MAX_SPAN   (UINT64_C(1) << MERGE_KEY_BITS)
#define FIRST_SPAN (UINT64_C(1) << 16)

/*
 * A burst must not fill the memory: so many items, and so much of pages.  Each
 * lane that the block is about has its share of the items, as what a lane has
 * ahead of others is carried from block to block until they are there, too.
 */
#define MOST_ITEMS      16384
#define LEAST_ITEMS     64
#define MOST_HELD_BYTES (32u << 20)

/* As many are read at once. */
#define READ_ITEMS 64

/*
 * A slot that has more events.  A slot's events keep their order: one that is
 * earlier than one before it counts as at that one's time.
 */
typedef struct Lane {
    uint32_t slot;
    bool is_needed;      /* wanted events stand in its pages in hand */
    bool is_known;       /* its next event is in memory: */
    uint64_t next_ticks; /* on the line */
    uint64_t key;        /* by which it is compared */
} Lane;

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
        .held =
            g_ptr_array_new_with_free_func((GDestroyNotify)page_buffer_unref),
        .end_key = UINT64_MAX,
    };
}

void merge_lanes_clear(MergeLanes *lanes)
{
    for (guint i = 0; i < lanes->slots->len; i++) {
        cpu_cursor_free(merge_slot_at(lanes, i)->cursor);
    }
    g_array_unref(lanes->slots);
    g_array_unref(lanes->lanes);
    g_ptr_array_unref(lanes->held);
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

    cpu_cursor_keep(slot.cursor, &lanes->left);
    g_array_append_val(lanes->slots, slot);
}

static void start(MergeLanes *lanes)
{
    g_array_set_size(lanes->lanes, 0);
    for (guint i = 0; i < lanes->slots->len; i++) {
        const Lane lane = {.slot = i};

        g_array_append_val(lanes->lanes, lane);
    }
    lanes->span_ticks = FIRST_SPAN;
    lanes->has_unknown = true;
    lanes->started = true;
}

static void clear_block(MergeLanes *lanes)
{
    merge_block_clear(&lanes->block);
    lanes->next_item = lanes->n_ready = lanes->n_complete = 0;
    g_ptr_array_set_size(lanes->held, 0);
    lanes->held_bytes = 0;
}

void merge_lanes_restart(MergeLanes *lanes)
{
    lanes->started = false;
    clear_block(lanes);
    for (guint i = 0; i < lanes->slots->len; i++) {
        MergeSlot *slot = merge_slot_at(lanes, i);

        slot->filter_state = (EventFilterState){0};
        slot->missed_events = 0;
    }
}

/* Looks at the lane's next event, if it is in memory. */
static inline void look(MergeLanes *lanes, Lane *lane)
{
    const MergeSlot *slot = slot_of(lanes, lane);
    uint64_t ticks;

    lane->is_known = cpu_cursor_peek(slot->cursor, &ticks);
    if (lane->is_known) {
        uint64_t key = lanes->by_time
                           ? timeline_scale_apply(&slot->input->scale, ticks)
                           : ticks;

        lane->next_ticks = ticks;
        lane->key = MAX(lane->key, key);
    } else {
        lanes->has_unknown = true;
    }
}

/*
 * Looks for it wherever it is; false at the lane's end.  Pages that are left
 * and needed go to left.
 */
static bool find_next(MergeLanes *lanes, Lane *lane, GPtrArray *left)
{
    if (!lane->is_known) {
        lanes->left = lane->is_needed ? left : NULL;
        lane->is_needed = false;
        if (cpu_cursor_advance(slot_of(lanes, lane)->cursor)) {
            look(lanes, lane);
        }
        lanes->left = NULL;
    }
    return lane->is_known;
}

/* Those that have no more events go. */
static void find_all(MergeLanes *lanes)
{
    guint n_kept = 0;

    for (guint i = 0; i < lanes->lanes->len; i++) {
        Lane *lane = lane_at(lanes, i);

        if (find_next(lanes, lane, lanes->kept)) {
            *lane_at(lanes, n_kept++) = *lane;
        }
    }
    g_array_set_size(lanes->lanes, n_kept);
    lanes->has_unknown = false;
}

/* The last tick of a lane that has at most this key. */
static inline uint64_t last_ticks(const MergeLanes *lanes, const Lane *lane,
                                  uint64_t key)
{
    uint64_t ticks = key;

    if (lanes->by_time && key != UINT64_MAX) {
        ticks =
            timeline_scale_invert(&slot_of(lanes, lane)->input->scale, key + 1);
        ticks -= ticks > 0 && ticks != UINT64_MAX;
    }
    return MAX(ticks, lane->next_ticks);
}

/* The file may say anything: more than can be counted is unknown, too. */
static int64_t add_missed(int64_t some, int64_t more)
{
    int64_t sum;

    return some < 0 || more < 0 || __builtin_add_overflow(some, more, &sum)
               ? PAGE_MISSED_UNKNOWN
               : sum;
}

/* Does the slot's input want the event?  If not, its losses are kept. */
static bool is_wanted(MergeSlot *slot, CpuEvent *event)
{
    int64_t missed_events =
        add_missed(slot->missed_events, event->missed_events);
    bool wanted = event_filter_match(slot->input->filter, &slot->filter_state,
                                     slot->cpu, event->data, event->size_bytes);

    if (wanted) {
        event->missed_events = missed_events;
    }
    slot->missed_events = wanted ? 0 : missed_events;
    return wanted;
}

static size_t drop_unwanted(MergeSlot *slot, TimelineEvent *events, size_t n)
{
    size_t n_wanted = 0;

    for (size_t i = 0; i < n; i++) {
        if (is_wanted(slot, &events[i].event)) {
            events[n_wanted++] = events[i];
        }
    }
    return n_wanted;
}

/* What is the same for all events of a slot. */
typedef struct Completion {
    const TimelineInput *input;
    unsigned cpu;
    TimelineScale scale;
    uint64_t factor; /* timeline_scale_factor() */
} Completion;

static inline void complete(const Completion *completion, TimelineEvent *event)
{
    const uint64_t ticks = event->event.line_ticks;

    event->input = completion->input;
    event->cpu = completion->cpu;
    event->time = completion->factor
                      ? timeline_scale_multiply(&completion->scale,
                                                completion->factor, ticks)
                      : timeline_scale_apply(&completion->scale, ticks);
}

/* The plain ones of them. */
static inline size_t read_plain(CpuCursor *cursor, uint64_t last_line_ticks,
                                const Completion *completion,
                                TimelineEvent *events, size_t max_events)
{
    CpuStretch *stretch = cpu_cursor_stretch(cursor);
    size_t n = 0;
    PlainWalk walk;

    if (!plain_walk_begin(&walk, stretch)) {
        return 0;
    }
    while (n < max_events &&
           plain_walk_next(&walk, last_line_ticks, &events[n].event)) {
        complete(completion, &events[n++]);
    }
    plain_walk_end(&walk, stretch);
    return n;
}

/* Reads a lane's next events, whose next key is at most last_key. */
static size_t read_lane(MergeLanes *lanes, const Lane *lane, uint64_t last_key,
                        TimelineEvent *events, size_t max_events)
{
    MergeSlot *slot = slot_of(lanes, lane);
    const uint64_t last_line_ticks = last_ticks(lanes, lane, last_key);
    const Completion completion = {
        .input = slot->input,
        .cpu = slot->cpu,
        .scale = slot->input->scale,
        .factor = timeline_scale_factor(&slot->input->scale),
    };
    size_t n = read_plain(slot->cursor, last_line_ticks, &completion, events,
                          max_events);

    if (n == 0) {
        n = cpu_cursor_read(slot->cursor, last_line_ticks, &events->event,
                            sizeof(*events), max_events);
        for (size_t i = 0; i < n; i++) {
            complete(&completion, &events[i]);
        }
    }
    return n;
}

static inline uint64_t key_of(const MergeLanes *lanes,
                              const TimelineEvent *event)
{
    return lanes->by_time ? event->time : event->event.line_ticks;
}

/* The lane with the smallest key, and the last key of its turn. */
static Lane *find_turn(const MergeLanes *lanes, uint64_t *last_key)
{
    Lane *lane = lane_at(lanes, 0);
    uint64_t first_key = lane->key;
    uint64_t second_key = UINT64_MAX;
    guint first = 0, second = G_MAXUINT;

    for (guint i = 1; i < lanes->lanes->len; i++) {
        uint64_t key = lane[i].key;

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
    return lane + first;
}

/* Turn after turn, as far as all lanes' next events are known. */
static size_t read_turns(MergeLanes *lanes, TimelineEvent *events,
                         size_t max_events)
{
    size_t n = 0;

    while (n < max_events && !lanes->has_unknown) {
        uint64_t last_key;
        Lane *lane = find_turn(lanes, &last_key);
        MergeSlot *slot = slot_of(lanes, lane);
        size_t n_read;

        if (lane->key > lanes->end_key) {
            break;
        }
        n_read = read_lane(lanes, lane, MIN(last_key, lanes->end_key),
                           events + n, max_events - n);
        look(lanes, lane);
        if (slot->input->filter) {
            n_read = drop_unwanted(slot, events + n, n_read);
        }
        lane->is_needed |= n_read > 0;
        n += n_read;
    }
    return n;
}

static uint64_t absolute_key(const MergeLanes *lanes, size_t item)
{
    return lanes->first_key + merge_item_key(lanes->block.items[item]);
}

/* How many of the block's first n items have at most this key. */
static size_t count_items(const MergeLanes *lanes, size_t n, uint64_t key)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (absolute_key(lanes, middle) > key) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static void count_ready(MergeLanes *lanes)
{
    lanes->n_ready = MAX(lanes->next_item,
                         count_items(lanes, lanes->n_complete, lanes->end_key));
}

void merge_lanes_set_end(MergeLanes *lanes, uint64_t end_key)
{
    lanes->end_key = end_key;
    count_ready(lanes);
}

static void make_room(MergeLanes *lanes, size_t n_events)
{
    size_t n_items = lanes->block.n_items;

    merge_block_reserve(&lanes->block, n_events);
    if (lanes->max_events - n_items < n_events) {
        lanes->max_events = (n_items + n_events) * 2;
        lanes->events =
            g_renew(TimelineEvent, lanes->events, lanes->max_events);
    }
}

/* Takes a lane's next events into the block, and says how many were read. */
static size_t take_some(MergeLanes *lanes, Lane *lane, size_t max_events)
{
    MergeSlot *slot = slot_of(lanes, lane);
    size_t first = lanes->block.n_items;
    TimelineEvent *events;
    MergeItem *items;
    size_t n = 0, n_read;

    make_room(lanes, max_events);
    events = lanes->events + first;
    items = lanes->block.items + first;
    n_read = read_lane(lanes, lane, lanes->last_key, events, max_events);
    for (size_t i = 0; i < n_read; i++) {
        uint64_t key = key_of(lanes, &events[i]);

        /* Where times wrap around, one can be read that is after the block. */
        lane->key = MAX(lane->key, MIN(key, lanes->last_key));
        if (slot->input->filter && !is_wanted(slot, &events[i].event)) {
            continue;
        }
        if (n != i) {
            events[n] = events[i];
        }
        items[n] =
            merge_item(lane->key - lanes->first_key, (uint32_t)(first + n));
        __builtin_prefetch(events[n].event.data);
        n++;
    }
    lanes->block.n_items += n;
    lane->is_needed |= n > 0;
    look(lanes, lane);
    return n_read;
}

/* The same for the block, where pages that are left are held. */
static bool find_next_held(MergeLanes *lanes, Lane *lane)
{
    guint n_held = lanes->held->len;
    bool exists = find_next(lanes, lane, lanes->held);

    if (lanes->held->len > n_held) {
        lanes->held_bytes += page_buffer_bytes(lanes->held->pdata[n_held]);
    }
    return exists;
}

/*
 * Takes what a lane has up to the block's last key.  False when that is more
 * than max_items, or than there is room for: it goes on with the next block.
 */
static bool take_lane(MergeLanes *lanes, Lane *lane, size_t max_items)
{
    size_t n_left = max_items;

    while (find_next_held(lanes, lane) && lane->key <= lanes->last_key) {
        bool has_taken = n_left < max_items;

        if (n_left == 0 ||
            (has_taken && lanes->held_bytes >= MOST_HELD_BYTES)) {
            return false;
        }
        n_left -= take_some(lanes, lane, MIN(n_left, READ_ITEMS));
    }
    return true;
}

/*
 * The share of each lane that has something up to the block's last key.  What
 * is carried is nobody's: the few lanes that it waits for go on in large steps,
 * so that it isn't moved for each of their events.
 */
static size_t share_items(const MergeLanes *lanes)
{
    size_t n_lanes = 0;

    for (guint i = 0; i < lanes->lanes->len; i++) {
        n_lanes += lane_at(lanes, i)->key <= lanes->last_key;
    }
    return MAX(MOST_ITEMS / MAX(n_lanes, 1), LEAST_ITEMS);
}

/* Dense and sparse traces alike make blocks of a good size. */
static void adapt_span(MergeLanes *lanes, uint64_t wanted_ticks)
{
    uint64_t span_ticks = lanes->last_key - lanes->first_key;

    if (lanes->n_complete > MANY_ITEMS) {
        lanes->span_ticks = span_ticks / (lanes->n_complete / FEW_ITEMS) + 1;
    } else if (span_ticks < wanted_ticks) {
        lanes->span_ticks = span_ticks + 1; /* some lane had too much */
    } else if (lanes->n_complete < FEW_ITEMS) {
        lanes->span_ticks = MIN(lanes->span_ticks * 2, MAX_SPAN);
    }
}

/*
 * Takes from all lanes what comes up to the block's last key.  Where one has
 * too much, the block is complete up to its next event: lanes after it have
 * nothing of that key, so that what is equal is in the order of the lanes.
 */
static void take_lanes(MergeLanes *lanes)
{
    const size_t max_items = share_items(lanes);
    uint64_t complete_key = lanes->last_key;

    for (guint i = 0; i < lanes->lanes->len; i++) {
        Lane *lane = lane_at(lanes, i);

        if (!take_lane(lanes, lane, max_items)) {
            complete_key = lane->key;
            if (complete_key == 0) {
                break;
            }
            lanes->last_key = complete_key - 1;
        }
    }
    lanes->last_key = complete_key;
}

/* The smallest key of all that is not handed out. */
static uint64_t next_key(const MergeLanes *lanes)
{
    uint64_t key = UINT64_MAX;

    if (lanes->next_item < lanes->block.n_items) {
        key = absolute_key(lanes, lanes->next_item);
    }
    for (guint i = 0; i < lanes->lanes->len; i++) {
        key = MIN(key, lane_at(lanes, i)->key);
    }
    return key;
}

/* Copies what events stand in, whose pages go. */
static PageBuffer *copy_records(TimelineEvent *events, size_t n)
{
    size_t size_bytes = 0;
    PageBuffer *copies;
    uint8_t *to;

    for (size_t i = 0; i < n; i++) {
        size_bytes += events[i].event.size_bytes;
    }
    copies = page_buffer_new(size_bytes, &to);
    for (size_t i = 0; i < n; i++) {
        CpuEvent *event = &events[i].event;

        memcpy(to, event->data, event->size_bytes);
        event->data = to;
        to += event->size_bytes;
    }
    return copies;
}

static void release_held(MergeLanes *lanes)
{
    for (guint i = 0; lanes->kept && i < lanes->held->len; i++) {
        g_ptr_array_add(lanes->kept, lanes->held->pdata[i]);
        lanes->held->pdata[i] = NULL;
    }
    g_ptr_array_set_size(lanes->held, 0);
    lanes->held_bytes = 0;
}

/* Begins a block with what is left of the one before. */
static void carry_rest(MergeLanes *lanes)
{
    size_t n = lanes->block.n_items - lanes->next_item;
    g_autofree TimelineEvent *events = g_new(TimelineEvent, n);
    MergeItem *items = lanes->block.items;
    PageBuffer *copies = NULL;

    for (size_t i = 0; i < n; i++) {
        MergeItem item = items[lanes->next_item + i];

        events[i] = lanes->events[merge_item_value(item)];
        items[i] = merge_item(merge_item_key(item), (uint32_t)i);
    }
    if (n > 0) {
        copies = copy_records(events, n);
        memcpy(lanes->events, events, n * sizeof(*events));
    }
    release_held(lanes);
    if (copies) {
        g_ptr_array_add(lanes->held, copies);
    }
    lanes->block.n_items = n;
    lanes->n_carried += n;
    lanes->next_item = lanes->n_ready = lanes->n_complete = 0;
}

/* Makes the items' keys count from another one, which is not after them. */
static void count_from(MergeLanes *lanes, uint64_t first_key)
{
    uint64_t later_ticks = first_key - lanes->first_key;

    for (size_t i = 0; i < lanes->block.n_items; i++) {
        lanes->block.items[i] -= merge_item(later_ticks, 0);
    }
    lanes->first_key = first_key;
}

static void make_block(MergeLanes *lanes)
{
    uint64_t first_key = next_key(lanes);
    uint64_t span_ticks = MIN(lanes->span_ticks - 1, UINT64_MAX - first_key);
    size_t n_carried = lanes->block.n_items;
    uint64_t largest_key = first_key + span_ticks;

    count_from(lanes, first_key);
    if (n_carried > 0) {
        largest_key = MAX(largest_key, absolute_key(lanes, n_carried - 1));
    }
    lanes->last_key = first_key + span_ticks;
    take_lanes(lanes);
    merge_block_sort(&lanes->block, largest_key - first_key);
    lanes->n_complete =
        count_items(lanes, lanes->block.n_items, lanes->last_key);
    adapt_span(lanes, span_ticks);
    count_ready(lanes);
}

/* Finds events to hand out: false when there are none, up to the end. */
static bool prepare(MergeLanes *lanes)
{
    if (!lanes->started) {
        start(lanes);
    }
    while (lanes->next_item == lanes->n_ready) {
        if (lanes->n_ready < lanes->n_complete) {
            return false;
        }
        if (lanes->block.n_items > 0 || lanes->held->len > 0) {
            carry_rest(lanes);
        }
        if (lanes->has_unknown) {
            find_all(lanes);
        }
        if (next_key(lanes) > lanes->end_key ||
            (lanes->lanes->len == 0 && lanes->block.n_items == 0)) {
            return false;
        }
        if (lanes->lanes->len <= FEW_LANES && lanes->block.n_items == 0) {
            return true;
        }
        make_block(lanes);
    }
    return true;
}

static size_t read_block(MergeLanes *lanes, TimelineEvent *events,
                         size_t max_events)
{
    const MergeItem *items = lanes->block.items + lanes->next_item;
    size_t n = MIN(max_events, lanes->n_ready - lanes->next_item);

    for (size_t i = 0; i < n; i++) {
        events[i] = lanes->events[merge_item_value(items[i])];
    }
    lanes->next_item += n;
    return n;
}

size_t merge_lanes_read(MergeLanes *lanes, TimelineEvent *events,
                        size_t max_events)
{
    size_t n = 0;

    while (n == 0 && max_events > 0 && prepare(lanes)) {
        n = lanes->next_item < lanes->n_ready
                ? read_block(lanes, events, max_events)
                : read_turns(lanes, events, max_events);
    }
    return n;
}
