/*
 * Timeline: the events of several files in the order in which they happened.
 *
 * A tournament of one slot for each CPU of each file: every node of the tree
 * keeps the loser of the match below it, so that the next event costs one
 * match a level, and no comparison between losers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/timeline.h"

#include "trace-data/cpu-cursor.h"

#define NS_PER_SECOND UINT64_C(1000000000)

/* By how much more is read at the end when too little of it was wanted. */
#define TAIL_GROWTH 4

/* One CPU of one file, with what it offers next. */
typedef struct Slot {
    CpuBatch batch;
    const TimelineInput *input;
    unsigned cpu;
    CpuCursor *cursor;
    EventFilterState filter_state;
    int64_t missed_events; /* before events that were not wanted */
} Slot;

/*
 * What a slot offers next.  Slots are in the order in which files and CPUs
 * are given, which breaks ties; one that has no more events is behind all.
 */
typedef unsigned __int128 Offer; /* key << 64 | over << 32 | slot */

#define IS_OVER  (UINT64_C(1) << 32)
#define NO_OFFER (~(Offer)0)

static inline Offer offer_of(uint64_t key, uint64_t slot)
{
    return (Offer)key << 64 | slot;
}

static inline Offer no_offer_of(uint64_t slot)
{
    return offer_of(UINT64_MAX, slot | IS_OVER);
}

static inline uint64_t offer_key(Offer offer)
{
    return (uint64_t)(offer >> 64);
}

static inline uint32_t offer_slot(Offer offer)
{
    return (uint32_t)offer;
}

static inline bool is_over(Offer offer)
{
    return (uint64_t)offer & IS_OVER;
}

struct Timeline {
    GArray *slots;  /* of Slot; all of them */
    Offer *losers;  /* [1, n_leaves); a match between 2i and 2i + 1 is at i */
    guint n_leaves; /* slots, rounded up to a power of 2 */
    Offer winner;
    Offer second;     /* the best of those that lost to it; with FEW_LEAVES */
    bool by_time;     /* the inputs' ticks differ: compare nanoseconds */
    uint64_t end_key; /* of the last event to hand out */
    uint64_t n_left;  /* events to hand out */
    bool taken;       /* the winner was handed out: ask its slot for the next */
    bool started;     /* the tree was built */
};

/* With so few others, a winner is mostly followed by itself. */
#define FEW_LEAVES 8

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

/* What the next event of a slot that has one is compared by. */
static inline uint64_t key_of(const Timeline *timeline, const Slot *slot)
{
    uint64_t line_ticks = slot->batch.next->line_ticks;

    return timeline->by_time
               ? timeline_scale_apply(&slot->input->scale, line_ticks)
               : line_ticks;
}

/* What a slot offers when its batch is used up. */
static G_GNUC_NO_INLINE Offer ask_cursor(const Timeline *timeline, uint32_t i)
{
    Slot *slot = slot_at(timeline, i);

    if (!cpu_cursor_next_batch(slot->cursor, &slot->batch)) {
        return no_offer_of(i);
    }
    return offer_of(key_of(timeline, slot), i);
}

static inline Offer ask(const Timeline *timeline, uint32_t i)
{
    const Slot *slot = slot_at(timeline, i);

    if (__builtin_expect(slot->batch.next == slot->batch.end, false)) {
        return ask_cursor(timeline, i);
    }
    /* Its turn comes after the others': what it needs is there by then. */
    __builtin_prefetch(slot->batch.page + slot->batch.next->offset_bytes);
    __builtin_prefetch(slot->batch.next + 2);
    return offer_of(key_of(timeline, slot), i);
}

/*
 * Plays the matches from a leaf up to the root.  Nothing can predict who wins
 * them, so there is no branch.
 */
static inline Offer play(const Timeline *timeline, Offer offer)
{
    for (uint32_t i = (timeline->n_leaves + offer_slot(offer)) / 2; i > 0;
         i /= 2) {
        Offer loser = timeline->losers[i];
        Offer swap = -(Offer)(loser < offer) & (loser ^ offer);

        timeline->losers[i] = loser ^ swap;
        offer ^= swap;
    }
    return offer;
}

/* Whom the winner must not fall behind to win again. */
static Offer find_second(const Timeline *timeline)
{
    Offer second = NO_OFFER;

    for (uint32_t i = (timeline->n_leaves + offer_slot(timeline->winner)) / 2;
         i > 0; i /= 2) {
        second = MIN(second, timeline->losers[i]);
    }
    return second;
}

/* The winner's slot offers its next event. */
static inline void go_on(Timeline *timeline)
{
    Offer offer = ask(timeline, offer_slot(timeline->winner));

    if (timeline->n_leaves <= FEW_LEAVES) {
        if (offer < timeline->second) {
            timeline->winner = offer;
            return;
        }
        timeline->winner = play(timeline, offer);
        timeline->second = find_second(timeline);
    } else {
        timeline->winner = play(timeline, offer);
    }
}

/* The winner below node i, after all matches there were played. */
static Offer play_all(Timeline *timeline, uint32_t i)
{
    Offer a, b;

    if (i >= timeline->n_leaves) {
        uint32_t slot = i - timeline->n_leaves;

        return slot < timeline->slots->len ? ask(timeline, slot)
                                           : no_offer_of(slot);
    }
    a = play_all(timeline, 2 * i);
    b = play_all(timeline, 2 * i + 1);
    timeline->losers[i] = MAX(a, b);
    return MIN(a, b);
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
    timeline->n_leaves = 1;
    while (timeline->n_leaves < timeline->slots->len) {
        timeline->n_leaves *= 2;
    }
    timeline->losers = g_new0(Offer, timeline->n_leaves);
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
    g_free(timeline->losers);
    g_free(timeline);
}

/* The winner is the next event's slot; false at the end. */
static bool find_winner(Timeline *timeline)
{
    if (timeline->taken) {
        go_on(timeline);
    } else if (!timeline->started) {
        timeline->winner = play_all(timeline, 1);
        timeline->second = find_second(timeline);
        timeline->started = true;
    }
    timeline->taken = false;
    return !is_over(timeline->winner) &&
           offer_key(timeline->winner) <= timeline->end_key;
}

static int64_t add_missed(int64_t a, int64_t b)
{
    return a < 0 || b < 0 ? -1 : a + b;
}

/* Does the slot's input want the event?  If not, its losses are kept. */
static bool is_wanted(Slot *slot, CpuEvent *event)
{
    if (!slot->input->filter) {
        return true;
    }
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
static const Slot *take_next(Timeline *timeline, CpuEvent *event)
{
    while (find_winner(timeline)) {
        Slot *slot = slot_at(timeline, offer_slot(timeline->winner));

        cpu_batch_take(&slot->batch, event);
        timeline->taken = true;
        if (is_wanted(slot, event)) {
            return slot;
        }
    }
    return NULL;
}

bool timeline_next(Timeline *timeline, TimelineEvent *event)
{
    const Slot *slot =
        timeline->n_left ? take_next(timeline, &event->event) : NULL;
    uint64_t key = offer_key(timeline->winner);

    if (!slot) {
        return false;
    }
    timeline->n_left--;
    event->input = slot->input;
    event->cpu = slot->cpu;
    event->time = timeline->by_time
                      ? key
                      : timeline_scale_apply(&slot->input->scale, key);
    return true;
}

static void restart(Timeline *timeline)
{
    timeline->started = false;
    timeline->taken = false;
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
}

void timeline_set_end(Timeline *timeline, uint64_t time)
{
    uint64_t ticks;

    timeline->end_key = time;
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
