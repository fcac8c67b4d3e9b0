/*
 * Intersecting what each event leaves of the possible offsets.
 *
 * Offsets are counted from the low end of the range, so that nothing here
 * wraps around: candidate c stands for the offset low + c, and an event at
 * guest tick g lies at host tick (g - low) - c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/offset-search.h"

#include "merge/window-list.h"

/* Both ends included. */
typedef struct Range {
    uint64_t from;
    uint64_t to;
} Range;

struct OffsetSearch {
    const GArray *windows;
    int64_t low_ticks;
    GArray *left; /* of Range, in order and apart */
    GArray *next; /* what is left after the event at hand */
    uint64_t n_events;
    uint64_t n_outside;
};

OffsetSearch *offset_search_new(const GArray *windows, int64_t low_ticks,
                                uint64_t width_ticks)
{
    OffsetSearch *search = g_new0(OffsetSearch, 1);
    Range all = {0, width_ticks};

    search->windows = windows;
    search->low_ticks = low_ticks;
    search->left = g_array_new(FALSE, FALSE, sizeof(Range));
    search->next = g_array_new(FALSE, FALSE, sizeof(Range));
    g_array_append_val(search->left, all);
    return search;
}

void offset_search_free(OffsetSearch *search)
{
    if (search) {
        g_array_unref(search->left);
        g_array_unref(search->next);
        g_free(search);
    }
}

void offset_search_set_windows(OffsetSearch *search, const GArray *windows)
{
    search->windows = windows;
}

/*
 * Appends what the windows leave of a range, for an event whose host tick is
 * base - c.  The later the window, the smaller c, so they come in reverse.
 */
static void cut(const OffsetSearch *search, GArray *out, const Range *range,
                uint64_t base)
{
    uint64_t first_ticks = base > range->to ? base - range->to : 0;
    uint64_t last_ticks = base - range->from;
    guint n_before = out->len;
    guint i = window_list_find(search->windows, first_ticks);

    for (; i < search->windows->len; i++) {
        const HostWindow *window =
            &g_array_index(search->windows, HostWindow, i);
        Range piece;

        if (window->from_ticks > last_ticks) {
            break;
        }
        piece.from = base - MIN(window->to_ticks, last_ticks);
        piece.to = base - MAX(window->from_ticks, first_ticks);
        g_array_append_val(out, piece);
    }
    for (guint a = n_before, b = out->len; a + 1 < b; a++) {
        Range swap = g_array_index(out, Range, a);

        b--;
        g_array_index(out, Range, a) = g_array_index(out, Range, b);
        g_array_index(out, Range, b) = swap;
    }
}

void offset_search_event(OffsetSearch *search, uint64_t guest_ticks)
{
    uint64_t base = guest_ticks - (uint64_t)search->low_ticks;
    GArray *swap;

    search->n_events++;
    g_array_set_size(search->next, 0);
    for (guint i = 0; i < search->left->len; i++) {
        const Range *range = &g_array_index(search->left, Range, i);

        /* Before the host's counter began: no candidate beyond base. */
        if (range->from <= base) {
            cut(search, search->next, range, base);
        }
    }
    if (search->next->len == 0) {
        search->n_outside++;
        return;
    }
    swap = search->left;
    search->left = search->next;
    search->next = swap;
}

guint offset_search_n_intervals(const OffsetSearch *search)
{
    return search->left->len;
}

uint64_t offset_search_n_outside(const OffsetSearch *search)
{
    return search->n_outside;
}

OffsetBound offset_search_result(const OffsetSearch *search)
{
    const Range *first = &g_array_index(search->left, Range, 0);
    const Range *last =
        &g_array_index(search->left, Range, search->left->len - 1);
    uint64_t half = (last->to - first->from) / 2;
    uint64_t left_ticks = 0;

    for (guint i = 0; i < search->left->len; i++) {
        const Range *range = &g_array_index(search->left, Range, i);

        left_ticks += range->to - range->from + 1;
    }
    return (OffsetBound){
        .offset_ticks =
            (int64_t)((uint64_t)search->low_ticks + first->from + half),
        .error_ticks = last->to - first->from - half,
        .n_events = search->n_events,
        .n_outside = search->n_outside,
        .n_intervals = search->left->len,
        .left_ticks = left_ticks,
    };
}
