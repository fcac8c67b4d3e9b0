/*
 * Timeline: the events of several files in the order in which they happened.
 *
 * One slot for each CPU of each file.  Block by block, what all slots have up
 * to some place is put in order, and then handed out.  A block ends where the
 * first slot has used up what its cursor gave at once, so that all that the
 * block is made of stays in memory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/timeline.h"

#include "merge/merge-block.h"
#include "trace-data/cpu-cursor.h"

#define NS_PER_SECOND UINT64_C(1000000000)

/* By how much more is read at the end when too little of it was wanted. */
#define TAIL_GROWTH 4

/* One CPU of one file. */
typedef struct Slot {
    CpuBatch batch;          /* what is left to hand out */
    const CpuEntry *ordered; /* up to here it is in the block */
    const TimelineInput *input;
    unsigned cpu;
    CpuCursor *cursor;
    EventFilterState filter_state;
    int64_t missed_events; /* before events that were not wanted */
} Slot;

/*
 * A slot that has more events.  A slot's events keep their order: one that is
 * earlier than one before it counts as at that one's time.
 */
typedef struct Lane {
    uint32_t slot;
    bool is_empty;      /* the batch is in the block to its end */
    uint64_t first_key; /* of the next event that is in no block */
    uint64_t last_key;  /* none after the batch has a smaller one */
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

struct Timeline {
    GArray *slots; /* of Slot; all of them */
    GArray *lanes; /* of Lane, in the slots' order */
    MergeBlock block;
    size_t next;         /* of the block's, to hand out */
    uint64_t span_ticks; /* that a block has at most */
    bool by_time;        /* the inputs' ticks differ: compare nanoseconds */
    bool may_end;        /* end_key lies in this block */
    uint64_t end_key;    /* of the last event to hand out */
    uint64_t n_left;     /* events to hand out */
    bool started;        /* there are lanes */
};

/* So many events in a block fit into the caches. */
#define MANY_ITEMS 4096
#define FEW_ITEMS  1024
#define MAX_SPAN   (UINT64_C(1) << MERGE_KEY_BITS)

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

static bool same_scale(const TimelineScale *a, const TimelineScale *b)
{
    return a->unit == b->unit && a->mult == b->mult && a->shift == b->shift &&
           a->hz == b->hz && a->ns_offset == b->ns_offset;
}

static inline Slot *slot_at(const Timeline *timeline, guint i)
{
    return &g_array_index(timeline->slots, Slot, i);
}

static inline Lane *lane_at(const Timeline *timeline, guint i)
{
    return &g_array_index(timeline->lanes, Lane, i);
}

/* Whose the next event is. */
static inline Slot *next_slot(const Timeline *timeline)
{
    return slot_at(timeline,
                   merge_item_lane(timeline->block.items[timeline->next]));
}

/* What an event is compared by. */
static inline uint64_t key_of(const Timeline *timeline, const Slot *slot,
                              const CpuEntry *entry)
{
    return timeline->by_time
               ? timeline_scale_apply(&slot->input->scale, entry->line_ticks)
               : entry->line_ticks;
}

/* The lane's next batch; false at its end. */
static bool fill_lane(const Timeline *timeline, Lane *lane)
{
    Slot *slot = slot_at(timeline, lane->slot);
    uint64_t so_far = lane->last_key;

    if (!cpu_cursor_next_batch(slot->cursor, &slot->batch)) {
        return false;
    }
    slot->ordered = slot->batch.next;
    lane->first_key = MAX(so_far, key_of(timeline, slot, slot->batch.next));
    lane->last_key =
        MAX(lane->first_key, key_of(timeline, slot, slot->batch.end - 1));
    lane->is_empty = false;
    return true;
}

/* Those that have no more events go. */
static void fill_lanes(Timeline *timeline)
{
    guint n_kept = 0;

    for (guint i = 0; i < timeline->lanes->len; i++) {
        Lane *lane = lane_at(timeline, i);

        if (!lane->is_empty || fill_lane(timeline, lane)) {
            *lane_at(timeline, n_kept++) = *lane;
        }
    }
    g_array_set_size(timeline->lanes, n_kept);
}

/* Up to where the first batch ends, but not too far. */
static Extent find_extent(const Timeline *timeline)
{
    Extent extent = {UINT64_MAX, UINT64_MAX, timeline->lanes->len};

    for (guint i = 0; i < timeline->lanes->len; i++) {
        const Lane *lane = lane_at(timeline, i);

        extent.first_key = MIN(extent.first_key, lane->first_key);
        if (lane->last_key < extent.last_key) {
            extent.last_key = lane->last_key;
            extent.last_lane = i;
        }
    }
    if (extent.last_key - extent.first_key >= timeline->span_ticks) {
        extent.last_key = extent.first_key + timeline->span_ticks - 1;
        extent.last_lane = timeline->lanes->len;
    }
    return extent;
}

/* The lane's part of the block: its events up to a key. */
static void order_lane(Timeline *timeline, Lane *lane, const Extent *extent,
                       uint64_t last_key)
{
    Slot *slot = slot_at(timeline, lane->slot);
    const CpuEntry *entry = slot->ordered;
    const CpuEntry *end = slot->batch.end;
    uint64_t key = lane->first_key;
    MergeItem *item =
        merge_block_begin_run(&timeline->block, (size_t)(end - entry));

    do {
        __builtin_prefetch(slot->batch.page + entry->offset_bytes);
        *item++ = merge_item(key - extent->first_key, lane->slot);
        if (++entry == end) {
            lane->is_empty = true;
            break;
        }
        key = MAX(key, key_of(timeline, slot, entry));
    } while (key <= last_key);
    lane->first_key = key;
    lane->last_key = MAX(lane->last_key, key);
    timeline->block.n_items += (size_t)(entry - slot->ordered);
    slot->ordered = entry;
}

/* Dense and sparse traces alike make blocks of a good size. */
static void adapt_span(Timeline *timeline, const Extent *extent)
{
    size_t n_items = timeline->block.n_items;

    if (n_items > MANY_ITEMS) {
        timeline->span_ticks =
            (extent->last_key - extent->first_key) / (n_items / FEW_ITEMS) + 1;
    } else if (n_items < FEW_ITEMS) {
        timeline->span_ticks = MIN(timeline->span_ticks * 2, MAX_SPAN);
    }
}

/* The next block; false when there are no more events. */
static bool make_block(Timeline *timeline)
{
    Extent extent;

    timeline->next = 0;
    merge_block_clear(&timeline->block);
    fill_lanes(timeline);
    extent = find_extent(timeline);
    for (guint i = 0; i < timeline->lanes->len; i++) {
        Lane *lane = lane_at(timeline, i);
        bool is_behind = i > extent.last_lane;

        if (lane->first_key < extent.last_key ||
            (lane->first_key == extent.last_key && !is_behind)) {
            order_lane(timeline, lane, &extent, extent.last_key - is_behind);
        }
    }
    merge_block_sort(&timeline->block, extent.last_key - extent.first_key);
    adapt_span(timeline, &extent);
    timeline->may_end = extent.last_key > timeline->end_key;
    return timeline->lanes->len > 0;
}

static void start_lanes(Timeline *timeline)
{
    g_array_set_size(timeline->lanes, 0);
    for (guint i = 0; i < timeline->slots->len; i++) {
        const Lane lane = {.slot = i, .is_empty = true};

        g_array_append_val(timeline->lanes, lane);
    }
    timeline->span_ticks = MAX_SPAN;
    timeline->started = true;
}

static void add_slots(Timeline *timeline, TimelineInput *input)
{
    for (guint cpu = 0; cpu < input->dat->cpus->len; cpu++) {
        const ClockTrack *track = NULL;
        Slot slot = {.input = input, .cpu = cpu};

        if (g_array_index(input->dat->cpus, DatCpuData, cpu).size_bytes == 0 ||
            !timeline_input_wants_cpu(input, cpu)) {
            continue;
        }
        if (input->tracks && cpu < input->tracks->len) {
            track = input->tracks->pdata[cpu];
        }
        slot.cursor =
            cpu_cursor_new(input->dat, cpu, track, input->shift_ticks);
        g_array_append_val(timeline->slots, slot);
    }
}

Timeline *timeline_new(GPtrArray *inputs)
{
    Timeline *timeline = g_new0(Timeline, 1);

    timeline->end_key = UINT64_MAX;
    timeline->n_left = UINT64_MAX;
    timeline->slots = g_array_new(FALSE, FALSE, sizeof(Slot));
    for (guint i = 0; i < inputs->len; i++) {
        const TimelineInput *first = inputs->pdata[0];
        TimelineInput *input = inputs->pdata[i];

        timeline->by_time |= !same_scale(&first->scale, &input->scale);
        add_slots(timeline, input);
    }
    timeline->lanes =
        g_array_sized_new(FALSE, FALSE, sizeof(Lane), timeline->slots->len);
    return timeline;
}

void timeline_free(Timeline *timeline)
{
    if (!timeline) {
        return;
    }
    for (guint i = 0; i < timeline->slots->len; i++) {
        cpu_cursor_free(slot_at(timeline, i)->cursor);
    }
    g_array_unref(timeline->slots);
    g_array_unref(timeline->lanes);
    merge_block_free(&timeline->block);
    g_free(timeline);
}

/* The same as has_next(), where more is to be done for it. */
static G_GNUC_NO_INLINE bool find_next(Timeline *timeline)
{
    const Slot *slot;

    if (!timeline->started) {
        start_lanes(timeline);
    }
    if (timeline->next == timeline->block.n_items && !make_block(timeline)) {
        return false;
    }
    if (!timeline->may_end) {
        return true;
    }
    slot = next_slot(timeline);
    return key_of(timeline, slot, slot->batch.next) <= timeline->end_key;
}

/* There is an event to hand out, the next of the block. */
static inline bool has_next(Timeline *timeline)
{
    bool is_ready =
        timeline->next < timeline->block.n_items && !timeline->may_end;

    return __builtin_expect(is_ready, true) || find_next(timeline);
}

static int64_t add_missed(int64_t a, int64_t b)
{
    return a < 0 || b < 0 ? -1 : a + b;
}

/* Does the slot's input want the event?  If not, its losses are kept. */
static G_GNUC_NO_INLINE bool passes_filter(Slot *slot, CpuEvent *event)
{
    slot->missed_events = add_missed(slot->missed_events, event->missed_events);
    if (!event_filter_match(slot->input->filter, &slot->filter_state, slot->cpu,
                            event->data, event->size_bytes)) {
        return false;
    }
    event->missed_events = slot->missed_events;
    slot->missed_events = 0;
    return true;
}

/* The slot that had the next event that is wanted, or NULL at the end. */
static inline const Slot *take_next(Timeline *timeline, CpuEvent *event)
{
    while (has_next(timeline)) {
        Slot *slot = next_slot(timeline);

        timeline->next++;
        cpu_batch_take(&slot->batch, event);
        if (!slot->input->filter || passes_filter(slot, event)) {
            return slot;
        }
    }
    return NULL;
}

bool timeline_next(Timeline *timeline, TimelineEvent *event)
{
    const Slot *slot =
        timeline->n_left ? take_next(timeline, &event->event) : NULL;

    if (!slot) {
        return false;
    }
    timeline->n_left--;
    event->input = slot->input;
    event->cpu = slot->cpu;
    event->time =
        timeline_scale_apply(&slot->input->scale, event->event.line_ticks);
    return true;
}

static void restart(Timeline *timeline)
{
    timeline->started = false;
    timeline->next = 0;
    merge_block_clear(&timeline->block);
    for (guint i = 0; i < timeline->slots->len; i++) {
        slot_at(timeline, i)->filter_state = (EventFilterState){0};
        slot_at(timeline, i)->missed_events = 0;
    }
}

static void seek_slot(Slot *slot, uint64_t line_ticks)
{
    slot->batch.next = slot->batch.end = NULL;
    cpu_cursor_seek(slot->cursor, line_ticks);
}

void timeline_seek_ticks(Timeline *timeline, uint64_t line_ticks)
{
    for (guint i = 0; i < timeline->slots->len; i++) {
        seek_slot(slot_at(timeline, i), line_ticks);
    }
    restart(timeline);
}

void timeline_seek(Timeline *timeline, uint64_t time)
{
    for (guint i = 0; i < timeline->slots->len; i++) {
        Slot *slot = slot_at(timeline, i);

        seek_slot(slot, timeline_scale_invert(&slot->input->scale, time));
    }
    restart(timeline);
}

bool timeline_has_one_scale(const Timeline *timeline)
{
    return !timeline->by_time;
}

void timeline_set_end_ticks(Timeline *timeline, uint64_t line_ticks)
{
    timeline->end_key = line_ticks;
    timeline->may_end = true;
}

void timeline_set_end(Timeline *timeline, uint64_t time)
{
    uint64_t ticks;

    timeline->end_key = time;
    timeline->may_end = true;
    if (timeline->by_time || timeline->slots->len == 0 || time == UINT64_MAX) {
        return;
    }
    /* The last tick that is not after it. */
    ticks =
        timeline_scale_invert(&slot_at(timeline, 0)->input->scale, time + 1);
    if (ticks == UINT64_MAX) {
        timeline->end_key = ticks;
    } else if (ticks > 0) {
        timeline->end_key = ticks - 1;
    } else {
        /* Before everything: nothing may come. */
        timeline->end_key = 0;
        timeline->n_left = 0;
    }
}

void timeline_set_limit(Timeline *timeline, uint64_t n_events)
{
    timeline->n_left = n_events;
}

void timeline_rewind(Timeline *timeline)
{
    timeline_seek_ticks(timeline, 0);
}

/* How far a walk from a CPU's end has come. */
typedef struct TailWalk {
    uint64_t number; /* of the page in hand */
    CpuPage page;
    bool exists;
} TailWalk;

/* The next page with an event before walk->number. */
static void walk_back(CpuCursor *cursor, TailWalk *walk)
{
    walk->exists = false;
    while (walk->number > 0 && !walk->exists) {
        walk->number--;
        walk->exists = cpu_cursor_read_page(cursor, walk->number, &walk->page);
    }
}

static bool is_seekable(const Timeline *timeline)
{
    for (guint i = 0; i < timeline->slots->len; i++) {
        if (!cpu_cursor_is_seekable(slot_at(timeline, i)->cursor)) {
            return false;
        }
    }
    return true;
}

static uint64_t count_rest(Timeline *timeline)
{
    uint64_t n_events = 0;
    CpuEvent event;

    while (take_next(timeline, &event)) {
        n_events++;
    }
    return n_events;
}

static uint64_t page_key(const Slot *slot, const Timeline *timeline,
                         const TailWalk *walk)
{
    return timeline->by_time ? timeline_scale_apply(&slot->input->scale,
                                                    walk->page.first_ticks)
                             : walk->page.first_ticks;
}

/* To the slot's last page that begins before the timeline's end. */
static void start_walk(const Timeline *timeline, const Slot *slot,
                       TailWalk *walk)
{
    uint64_t low = 0;
    uint64_t high = cpu_cursor_page_count(slot->cursor);

    while (low < high && timeline->end_key != UINT64_MAX) {
        TailWalk middle = {.number = low + (high - low) / 2 + 1};
        uint64_t next = middle.number;

        walk_back(slot->cursor, &middle);
        if (middle.exists &&
            page_key(slot, timeline, &middle) > timeline->end_key) {
            high = middle.number;
        } else {
            low = next;
        }
    }
    walk->number = high;
    walk_back(slot->cursor, walk);
}

/*
 * A key from which on there are n_events or more: all CPUs' pages are taken
 * in the order of their beginnings, the latest first, until they hold enough.
 */
static uint64_t find_tail(Timeline *timeline, uint64_t n_events)
{
    g_autofree TailWalk *walks = g_new0(TailWalk, timeline->slots->len);
    uint64_t n_found = 0, key = 0;

    for (guint i = 0; i < timeline->slots->len; i++) {
        start_walk(timeline, slot_at(timeline, i), &walks[i]);
    }
    while (n_found < n_events) {
        TailWalk *latest = NULL;
        guint slot = 0;

        for (guint i = 0; i < timeline->slots->len; i++) {
            uint64_t page = page_key(slot_at(timeline, i), timeline, &walks[i]);

            if (walks[i].exists && (!latest || page > key)) {
                latest = &walks[i];
                slot = i;
                key = page;
            }
        }
        if (!latest) {
            return 0;
        }
        n_found += latest->page.n_events;
        walk_back(slot_at(timeline, slot)->cursor, latest);
    }
    return key;
}

static void seek_key(Timeline *timeline, uint64_t key)
{
    if (timeline->by_time) {
        timeline_seek(timeline, key);
    } else {
        timeline_seek_ticks(timeline, key);
    }
}

void timeline_seek_last(Timeline *timeline, uint64_t n_events)
{
    uint64_t n_read = n_events;
    uint64_t key, n_found;
    CpuEvent event;

    /* Of the events that are read, only some may be wanted. */
    for (;; n_read *= TAIL_GROWTH) {
        key = is_seekable(timeline) ? find_tail(timeline, n_read) : 0;
        seek_key(timeline, key);
        n_found = count_rest(timeline);
        if (n_found >= n_events || key == 0 ||
            n_read > UINT64_MAX / TAIL_GROWTH) {
            break;
        }
    }
    seek_key(timeline, key);
    while (n_found > n_events && take_next(timeline, &event)) {
        n_found--;
    }
}

static void widen(TimelineSpan *span, const TimelineSpan *other, bool *exists)
{
    if (!*exists || other->first_time < span->first_time) {
        span->first_time = other->first_time;
        span->first_line_ticks = other->first_line_ticks;
    }
    if (!*exists || other->last_time >= span->last_time) {
        span->last_time = other->last_time;
        span->last_line_ticks = other->last_line_ticks;
    }
    *exists = true;
}

/* From its first event, and its last page or, if need be, all of them. */
static bool slot_span(const Slot *slot, TimelineSpan *span)
{
    TailWalk walk = {0};
    CpuEvent event;

    cpu_cursor_seek(slot->cursor, 0);
    if (!cpu_cursor_next(slot->cursor, &event)) {
        return false;
    }
    span->first_line_ticks = span->last_line_ticks = event.line_ticks;
    if (cpu_cursor_is_seekable(slot->cursor)) {
        walk.number = cpu_cursor_page_count(slot->cursor);
        walk_back(slot->cursor, &walk);
        span->last_line_ticks = walk.page.last_ticks;
    } else {
        while (cpu_cursor_next(slot->cursor, &event)) {
            span->last_line_ticks = event.line_ticks;
        }
    }
    span->first_time =
        timeline_scale_apply(&slot->input->scale, span->first_line_ticks);
    span->last_time =
        timeline_scale_apply(&slot->input->scale, span->last_line_ticks);
    return true;
}

bool timeline_span(Timeline *timeline, TimelineSpan *span)
{
    bool exists = false;

    for (guint i = 0; i < timeline->slots->len; i++) {
        TimelineSpan own;

        if (slot_span(slot_at(timeline, i), &own)) {
            widen(span, &own, &exists);
        }
    }
    timeline_rewind(timeline);
    return exists;
}
