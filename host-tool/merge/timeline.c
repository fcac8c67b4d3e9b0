/*
 * Timeline: the events of several files in the order in which they happened.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/timeline.h"

#include "merge/merge-lanes.h"
#include "trace-data/cpu-cursor.h"
#include "trace-data/page-source.h"

/* By how much more is read at the end when too little of it was wanted. */
#define TAIL_GROWTH 4
/* So many at once are passed by. */
#define PASSED_EVENTS 64

struct Timeline {
    MergeLanes lanes;
    uint64_t n_left; /* events to hand out */
};

static inline guint n_slots(const Timeline *timeline)
{
    return timeline->lanes.slots->len;
}

static inline MergeSlot *slot_at(const Timeline *timeline, guint i)
{
    return merge_slot_at(&timeline->lanes, i);
}

static void add_slots(Timeline *timeline, const TimelineInput *input)
{
    for (guint cpu = 0; cpu < input->dat->cpus->len; cpu++) {
        if (g_array_index(input->dat->cpus, DatCpuData, cpu).size_bytes > 0 &&
            timeline_input_wants_cpu(input, cpu)) {
            merge_lanes_add(&timeline->lanes, input, cpu);
        }
    }
}

Timeline *timeline_new(GPtrArray *inputs)
{
    Timeline *timeline = g_new0(Timeline, 1);

    merge_lanes_init(&timeline->lanes);
    timeline->n_left = UINT64_MAX;
    for (guint i = 0; i < inputs->len; i++) {
        const TimelineInput *first = inputs->pdata[0];
        const TimelineInput *input = inputs->pdata[i];

        timeline->lanes.by_time |=
            !timeline_scale_equal(&first->scale, &input->scale);
        add_slots(timeline, input);
    }
    return timeline;
}

void timeline_free(Timeline *timeline)
{
    if (timeline) {
        merge_lanes_clear(&timeline->lanes);
        g_free(timeline);
    }
}

size_t timeline_read(Timeline *timeline, TimelineEvent *events,
                     size_t max_events)
{
    size_t n = merge_lanes_read(&timeline->lanes, events,
                                (size_t)MIN(max_events, timeline->n_left));

    timeline->n_left -= n;
    return n;
}

bool timeline_next(Timeline *timeline, TimelineEvent *event)
{
    return timeline_read(timeline, event, 1) == 1;
}

void timeline_keep(Timeline *timeline, GPtrArray *kept)
{
    timeline->lanes.kept = kept;
}

GPtrArray *timeline_kept_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)page_buffer_unref);
}

void timeline_seek_ticks(Timeline *timeline, uint64_t line_ticks)
{
    merge_lanes_restart(&timeline->lanes);
    for (guint i = 0; i < n_slots(timeline); i++) {
        cpu_cursor_seek(slot_at(timeline, i)->cursor, line_ticks);
    }
}

void timeline_seek(Timeline *timeline, uint64_t time)
{
    merge_lanes_restart(&timeline->lanes);
    for (guint i = 0; i < n_slots(timeline); i++) {
        const MergeSlot *slot = slot_at(timeline, i);

        cpu_cursor_seek(slot->cursor,
                        timeline_scale_invert(&slot->input->scale, time));
    }
}

bool timeline_has_one_scale(const Timeline *timeline)
{
    return !timeline->lanes.by_time;
}

void timeline_set_end_ticks(Timeline *timeline, uint64_t line_ticks)
{
    merge_lanes_set_end(&timeline->lanes, line_ticks);
}

void timeline_set_end(Timeline *timeline, uint64_t time)
{
    uint64_t end_key = time;

    if (!timeline->lanes.by_time && n_slots(timeline) > 0 &&
        time != UINT64_MAX) {
        /* The last tick that is not after it. */
        end_key = timeline_scale_invert(&slot_at(timeline, 0)->input->scale,
                                        time + 1);
        if (end_key == 0) {
            timeline->n_left = 0; /* before everything: nothing may come */
        } else if (end_key != UINT64_MAX) {
            end_key--;
        }
    }
    merge_lanes_set_end(&timeline->lanes, end_key);
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
    for (guint i = 0; i < n_slots(timeline); i++) {
        if (!cpu_cursor_is_seekable(slot_at(timeline, i)->cursor)) {
            return false;
        }
    }
    return true;
}

/* Passes by so many of the events up to the end, and says how many. */
static uint64_t pass_by(Timeline *timeline, uint64_t max_events)
{
    TimelineEvent events[PASSED_EVENTS];
    uint64_t n_events = 0;
    size_t n;

    do {
        n = merge_lanes_read(&timeline->lanes, events,
                             (size_t)MIN(max_events - n_events, PASSED_EVENTS));
        n_events += n;
    } while (n > 0);
    return n_events;
}

static uint64_t page_key(const MergeSlot *slot, const Timeline *timeline,
                         const TailWalk *walk)
{
    return timeline->lanes.by_time
               ? timeline_scale_apply(&slot->input->scale,
                                      walk->page.first_ticks)
               : walk->page.first_ticks;
}

/* To the slot's last page that begins before the timeline's end. */
static void start_walk(const Timeline *timeline, const MergeSlot *slot,
                       TailWalk *walk)
{
    uint64_t low = 0;
    uint64_t high = cpu_cursor_page_count(slot->cursor);

    while (low < high && timeline->lanes.end_key != UINT64_MAX) {
        TailWalk middle = {.number = low + (high - low) / 2 + 1};
        uint64_t next = middle.number;

        walk_back(slot->cursor, &middle);
        if (middle.exists &&
            page_key(slot, timeline, &middle) > timeline->lanes.end_key) {
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
    g_autofree TailWalk *walks = g_new0(TailWalk, n_slots(timeline));
    uint64_t n_found = 0, key = 0;

    for (guint i = 0; i < n_slots(timeline); i++) {
        start_walk(timeline, slot_at(timeline, i), &walks[i]);
    }
    while (n_found < n_events) {
        TailWalk *latest = NULL;
        guint slot = 0;

        for (guint i = 0; i < n_slots(timeline); i++) {
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
    if (timeline->lanes.by_time) {
        timeline_seek(timeline, key);
    } else {
        timeline_seek_ticks(timeline, key);
    }
}

void timeline_seek_last(Timeline *timeline, uint64_t n_events)
{
    uint64_t n_read = n_events;
    uint64_t key, n_found;

    /* Of the events that are read, only some may be wanted. */
    for (;; n_read *= TAIL_GROWTH) {
        key = is_seekable(timeline) ? find_tail(timeline, n_read) : 0;
        seek_key(timeline, key);
        n_found = pass_by(timeline, UINT64_MAX);
        if (n_found >= n_events || key == 0 ||
            n_read > UINT64_MAX / TAIL_GROWTH) {
            break;
        }
    }
    seek_key(timeline, key);
    pass_by(timeline, n_found - MIN(n_found, n_events));
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
static bool slot_span(const MergeSlot *slot, TimelineSpan *span)
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

    for (guint i = 0; i < n_slots(timeline); i++) {
        TimelineSpan own;

        if (slot_span(slot_at(timeline, i), &own)) {
            widen(span, &own, &exists);
        }
    }
    timeline_rewind(timeline);
    return exists;
}
