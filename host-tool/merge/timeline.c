/*
 * Timeline: the events of several files in the order in which they happened.
 *
 * A binary heap of one slot for each CPU of each file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/timeline.h"

#include "trace-data/cpu-cursor.h"

#define NS_PER_SECOND UINT64_C(1000000000)

/* The event that a CPU offers next. */
typedef struct Slot {
    CpuCursor *cursor;
    const TimelineInput *input;
    unsigned cpu;
    unsigned order; /* breaks ties as the files and CPUs are given */
    CpuEvent event;
    uint64_t key;
} Slot;

struct Timeline {
    GArray *slots; /* of Slot; all of them */
    Slot **heap;
    guint n_heap;
    bool by_time; /* the inputs' ticks differ: compare nanoseconds */
    bool taken;   /* heap[0] was handed out and must be refilled */
};

uint64_t timeline_scale_apply(const TimelineScale *scale, uint64_t ticks)
{
    switch (scale->unit) {
    case TIMELINE_NS:
        return clock_ticks_to_ns(ticks, scale->mult, scale->shift) +
               (uint64_t)scale->ns_offset;
    case TIMELINE_HZ:
        return (uint64_t)((unsigned __int128)ticks * NS_PER_SECOND /
                          scale->hz) +
               (uint64_t)scale->ns_offset;
    default:
        return ticks;
    }
}

static bool same_scale(const TimelineScale *a, const TimelineScale *b)
{
    return a->unit == b->unit && a->mult == b->mult && a->shift == b->shift &&
           a->hz == b->hz && a->ns_offset == b->ns_offset;
}

static bool comes_first(const Slot *a, const Slot *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void sift_down(Timeline *timeline, guint i)
{
    Slot *slot = timeline->heap[i];

    for (;;) {
        guint child = 2 * i + 1;

        if (child >= timeline->n_heap) {
            break;
        }
        if (child + 1 < timeline->n_heap &&
            comes_first(timeline->heap[child + 1], timeline->heap[child])) {
            child++;
        }
        if (!comes_first(timeline->heap[child], slot)) {
            break;
        }
        timeline->heap[i] = timeline->heap[child];
        i = child;
    }
    timeline->heap[i] = slot;
}

static bool fill(Timeline *timeline, Slot *slot)
{
    if (!cpu_cursor_next(slot->cursor, &slot->event)) {
        return false;
    }
    slot->key = timeline->by_time ? timeline_scale_apply(&slot->input->scale,
                                                         slot->event.line_ticks)
                                  : slot->event.line_ticks;
    return true;
}

static void add_slots(Timeline *timeline, TimelineInput *input)
{
    for (guint cpu = 0; cpu < input->dat->cpus->len; cpu++) {
        const ClockTrack *track = NULL;
        Slot slot = {.input = input, .cpu = cpu};

        if (g_array_index(input->dat->cpus, DatCpuData, cpu).size_bytes == 0) {
            continue;
        }
        if (input->tracks && cpu < input->tracks->len) {
            track = input->tracks->pdata[cpu];
        }
        slot.cursor =
            cpu_cursor_new(input->dat, cpu, track, input->shift_ticks);
        slot.order = timeline->slots->len;
        g_array_append_val(timeline->slots, slot);
    }
}

static void build_heap(Timeline *timeline)
{
    timeline->heap = g_new(Slot *, timeline->slots->len);
    for (guint i = 0; i < timeline->slots->len; i++) {
        Slot *slot = &g_array_index(timeline->slots, Slot, i);

        if (fill(timeline, slot)) {
            timeline->heap[timeline->n_heap++] = slot;
        }
    }
    for (guint i = timeline->n_heap / 2; i-- > 0;) {
        sift_down(timeline, i);
    }
}

Timeline *timeline_new(GPtrArray *inputs)
{
    Timeline *timeline = g_new0(Timeline, 1);

    timeline->slots = g_array_new(FALSE, FALSE, sizeof(Slot));
    for (guint i = 0; i < inputs->len; i++) {
        const TimelineInput *first = inputs->pdata[0];
        TimelineInput *input = inputs->pdata[i];

        timeline->by_time |= !same_scale(&first->scale, &input->scale);
        add_slots(timeline, input);
    }
    build_heap(timeline);
    return timeline;
}

void timeline_free(Timeline *timeline)
{
    if (!timeline) {
        return;
    }
    for (guint i = 0; i < timeline->slots->len; i++) {
        cpu_cursor_free(g_array_index(timeline->slots, Slot, i).cursor);
    }
    g_array_unref(timeline->slots);
    g_free(timeline->heap);
    g_free(timeline);
}

/* Replaces the event that was handed out by its CPU's next one. */
static void advance(Timeline *timeline)
{
    if (!fill(timeline, timeline->heap[0])) {
        timeline->heap[0] = timeline->heap[--timeline->n_heap];
        if (timeline->n_heap == 0) {
            return;
        }
    }
    sift_down(timeline, 0);
}

bool timeline_next(Timeline *timeline, TimelineEvent *event)
{
    const Slot *slot;

    if (timeline->taken) {
        timeline->taken = false;
        advance(timeline);
    }
    if (timeline->n_heap == 0) {
        return false;
    }
    slot = timeline->heap[0];
    timeline->taken = true;
    event->input = slot->input;
    event->cpu = slot->cpu;
    event->event = slot->event;
    event->time = timeline->by_time
                      ? slot->key
                      : timeline_scale_apply(&slot->input->scale, slot->key);
    return true;
}
