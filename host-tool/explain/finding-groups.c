/*
 * FindingGroups: findings that are one spike, seen in several ways.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/analysis.h"

/* Who speaks for a group: what people notice comes before what explains it. */
static const unsigned ranks[INTERVAL_N_KINDS] = {
    [INTERVAL_MARKED] = 0,    [INTERVAL_TIMERLAT] = 1,   [INTERVAL_WAKEUP] = 2,
    [INTERVAL_TIMER] = 3,     [INTERVAL_PREEMPTION] = 4, [INTERVAL_OSNOISE] = 5,
    [INTERVAL_INJECTION] = 6, [INTERVAL_HALT_WAKE] = 7,  [INTERVAL_EXIT] = 8,
};

static bool overlaps(const Finding *a, const Finding *b)
{
    uint64_t from = MAX(a->start_ticks, b->start_ticks);
    uint64_t to = MIN(a->end_ticks, b->end_ticks);
    uint64_t shorter =
        MIN(a->end_ticks - a->start_ticks, b->end_ticks - b->start_ticks);

    return a->vcpu == b->vcpu && to > from && to - from > shorter / 2;
}

/* The group whose first, and so longest, finding this one overlaps. */
static guint find_group(const GPtrArray *findings, const GArray *firsts,
                        const Finding *finding)
{
    guint i;

    for (i = 0; i < firsts->len; i++) {
        if (overlaps(findings->pdata[g_array_index(firsts, guint, i)],
                     finding)) {
            break;
        }
    }
    return i;
}

/* A lesser one speaks if it shows at least half of the longest. */
static bool speaks_better(const Finding *candidate, const Finding *speaker,
                          const Finding *longest)
{
    return ranks[candidate->kind] < ranks[speaker->kind] &&
           finding_length_ticks(candidate) >= finding_length_ticks(longest) / 2;
}

static int by_head(gconstpointer a, gconstpointer b, gpointer data)
{
    const GArray *heads = data;
    guint one = g_array_index(heads, guint, *(const guint *)a);
    guint other = g_array_index(heads, guint, *(const guint *)b);

    return one < other ? -1 : one > other;
}

/* By the lengths that are shown, which are the heads'. */
static void sort_groups(FindingGroups *groups, guint n_findings)
{
    guint n = groups->heads->len;
    g_autoptr(GArray) old = groups->heads;
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autofree guint *place = g_new0(guint, n + 1);

    for (guint i = 0; i < n; i++) {
        g_array_append_val(order, i);
    }
    g_array_sort_with_data(order, by_head, old);
    groups->heads = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint i = 0; i < n; i++) {
        guint group = g_array_index(order, guint, i);

        g_array_append_val(groups->heads, g_array_index(old, guint, group));
        place[group] = i;
    }
    for (guint i = 0; i < n_findings; i++) {
        groups->of_group[i] = place[groups->of_group[i]];
    }
}

FindingGroups *finding_groups_new(const GPtrArray *findings)
{
    FindingGroups *groups = g_new0(FindingGroups, 1);
    g_autoptr(GArray) firsts = g_array_new(FALSE, FALSE, sizeof(guint));

    groups->heads = g_array_new(FALSE, FALSE, sizeof(guint));
    groups->of_group = g_new0(guint, findings->len + 1);
    for (guint i = 0; i < findings->len; i++) {
        const Finding *finding = findings->pdata[i];
        guint group = find_group(findings, firsts, finding);
        guint *head;

        groups->of_group[i] = group;
        if (group == firsts->len) {
            g_array_append_val(firsts, i);
            g_array_append_val(groups->heads, i);
            continue;
        }
        head = &g_array_index(groups->heads, guint, group);
        if (speaks_better(
                finding, findings->pdata[*head],
                findings->pdata[g_array_index(firsts, guint, group)])) {
            *head = i;
        }
    }
    sort_groups(groups, findings->len);
    return groups;
}

void finding_groups_free(FindingGroups *groups)
{
    if (groups) {
        g_array_unref(groups->heads);
        g_free(groups->of_group);
        g_free(groups);
    }
}
