/*
 * Breakdown: where an interval's time went, cause by cause.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/breakdown.h"

#include <stdbool.h>

/* More causes than these are added to CAUSE_OTHER. */
#define MAX_PARTS 256

#define PERMILLE 1000u

Breakdown *breakdown_new(void)
{
    Breakdown *breakdown = g_new0(Breakdown, 1);

    breakdown->parts = g_array_new(FALSE, FALSE, sizeof(BreakdownPart));
    return breakdown;
}

void breakdown_free(Breakdown *breakdown)
{
    if (breakdown) {
        g_array_unref(breakdown->parts);
        g_free(breakdown);
    }
}

Breakdown *breakdown_copy(const Breakdown *breakdown)
{
    Breakdown *copy = g_new0(Breakdown, 1);

    *copy = *breakdown;
    copy->parts = g_array_copy(breakdown->parts);
    return copy;
}

void breakdown_clear(Breakdown *breakdown)
{
    g_array_set_size(breakdown->parts, 0);
    breakdown->total_ticks = 0;
    breakdown->total_ns = 0;
}

static BreakdownPart *find_part(Breakdown *breakdown, Cause cause)
{
    BreakdownPart *parts = (BreakdownPart *)breakdown->parts->data;
    BreakdownPart part = {.cause = cause};

    for (guint i = 0; i < breakdown->parts->len; i++) {
        if (parts[i].cause == cause) {
            return &parts[i];
        }
    }
    if (breakdown->parts->len >= MAX_PARTS &&
        cause != cause_plain(CAUSE_OTHER)) {
        return find_part(breakdown, cause_plain(CAUSE_OTHER));
    }
    g_array_append_val(breakdown->parts, part);
    return &g_array_index(breakdown->parts, BreakdownPart,
                          breakdown->parts->len - 1);
}

void breakdown_add(Breakdown *breakdown, Cause cause, uint64_t ticks,
                   uint64_t ns)
{
    BreakdownPart *part;

    if (ticks == 0 && ns == 0) {
        return;
    }
    part = find_part(breakdown, cause);
    part->ticks += ticks;
    part->ns += ns;
    breakdown->total_ticks += ticks;
    breakdown->total_ns += ns;
}

static int by_ticks(gconstpointer a, gconstpointer b)
{
    const BreakdownPart *one = a, *other = b;

    if (one->ticks != other->ticks) {
        return one->ticks < other->ticks ? 1 : -1;
    }
    return one->cause < other->cause ? -1 : one->cause > other->cause;
}

/* What the part's share is above its whole permilles, in ticks * 1000. */
static uint64_t remainder_of(const BreakdownPart *part, uint64_t total_ticks)
{
    return (uint64_t)((unsigned __int128)part->ticks * PERMILLE % total_ticks);
}

/* The part whose rounding down takes most; it gets the next permille. */
static BreakdownPart *most_cut(Breakdown *breakdown)
{
    BreakdownPart *parts = (BreakdownPart *)breakdown->parts->data;
    BreakdownPart *most = &parts[0];

    for (guint i = 1; i < breakdown->parts->len; i++) {
        uint64_t total = breakdown->total_ticks;
        bool given = parts[i].permille * (unsigned __int128)total >
                     parts[i].ticks * (unsigned __int128)PERMILLE;

        if (!given &&
            (most->permille * (unsigned __int128)total >
                 most->ticks * (unsigned __int128)PERMILLE ||
             remainder_of(&parts[i], total) > remainder_of(most, total))) {
            most = &parts[i];
        }
    }
    return most;
}

void breakdown_finish(Breakdown *breakdown)
{
    unsigned left = PERMILLE;

    g_array_sort(breakdown->parts, by_ticks);
    for (guint i = 0; i < breakdown->parts->len; i++) {
        BreakdownPart *part =
            &g_array_index(breakdown->parts, BreakdownPart, i);

        part->permille = (unsigned)((unsigned __int128)part->ticks * PERMILLE /
                                    breakdown->total_ticks);
        left -= part->permille;
    }
    while (left > 0 && breakdown->parts->len > 0) {
        most_cut(breakdown)->permille++;
        left--;
    }
}

uint64_t breakdown_unknown_ticks(const Breakdown *breakdown)
{
    uint64_t ticks = 0;

    for (guint i = 0; i < breakdown->parts->len; i++) {
        const BreakdownPart *part =
            &g_array_index(breakdown->parts, BreakdownPart, i);

        if (cause_kind(part->cause) == CAUSE_UNKNOWN) {
            ticks += part->ticks;
        }
    }
    return ticks;
}
