/*
 * Comparison: what differs between two analyses, cause by cause.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/comparison.h"

#include <math.h>
#include <string.h>

#include "explain/exit-reason.h"
#include "explain/sentence.h"

#define NS_PER_SECOND 1e9

typedef enum Side { SIDE_A, SIDE_B } Side;

static void cause_clear(gpointer data)
{
    g_free(((ComparedCause *)data)->text);
}

static void times_clear(gpointer data)
{
    g_free(((ComparedTimes *)data)->text);
}

/* Seconds that both recorded; never 0. */
static double seconds(const Analysis *analysis)
{
    return MAX((double)analysis_span(analysis, analysis->joint_ticks), 1.0) /
           NS_PER_SECOND;
}

static ComparedCause *find_cause(GArray *causes, GHashTable *by_key,
                                 IntervalKind kind, const char *text)
{
    g_autofree char *key = g_strdup_printf("%d %s", kind, text);
    gpointer index;
    ComparedCause fresh = {.kind = kind};

    if (g_hash_table_lookup_extended(by_key, key, NULL, &index)) {
        return &g_array_index(causes, ComparedCause, GPOINTER_TO_UINT(index));
    }
    fresh.text = g_strdup(text);
    g_hash_table_insert(by_key, g_steal_pointer(&key),
                        GUINT_TO_POINTER(causes->len));
    g_array_append_val(causes, fresh);
    return &g_array_index(causes, ComparedCause, causes->len - 1);
}

static void add_causes(Comparison *comparison, GHashTable *by_key,
                       const Analysis *analysis, Side side)
{
    double length_s = seconds(analysis);

    for (guint i = 0; i < analysis->cause_totals->len; i++) {
        const CauseTotal *total =
            &g_array_index(analysis->cause_totals, CauseTotal, i);
        g_autofree char *text = cause_class_text(analysis->names, total->cause);
        ComparedCause *cause =
            find_cause(comparison->causes, by_key, total->kind, text);
        ComparedSide *part = side == SIDE_A ? &cause->a : &cause->b;

        part->ns_per_s +=
            (double)analysis_span(analysis, total->ticks) / length_s;
        part->n_first += total->n_first;
    }
}

static int by_change(gconstpointer a, gconstpointer b)
{
    const ComparedCause *one = a, *other = b;
    double change = fabs(one->b.ns_per_s - one->a.ns_per_s);
    double other_change = fabs(other->b.ns_per_s - other->a.ns_per_s);

    return change < other_change   ? 1
           : change > other_change ? -1
                                   : strcmp(one->text, other->text);
}

static ComparedSpread spread(const Analysis *analysis, const Histogram *times)
{
    return (ComparedSpread){
        .count = times->count,
        .per_s = (double)times->count / seconds(analysis),
        .p99_ns = analysis_span(analysis, histogram_percentile(times, 0.99)),
        .max_ns = analysis_span(analysis, times->max_ticks),
    };
}

/* Takes the histograms' contents away. */
static void add_times(Comparison *comparison, const char *text,
                      const Analysis *a, Histogram *times_a, const Analysis *b,
                      Histogram *times_b)
{
    if (times_a->count + times_b->count > 0) {
        const ComparedTimes times = {
            .text = g_strdup(text),
            .a = spread(a, times_a),
            .b = spread(b, times_b),
        };

        g_array_append_val(comparison->times, times);
    }
    histogram_clear(times_a);
    histogram_clear(times_b);
}

typedef Histogram *(*PickTimes)(VcpuStats *stats);

static Histogram *pick_timers(VcpuStats *stats)
{
    return &stats->timers;
}

static Histogram *pick_wakeups(VcpuStats *stats)
{
    return &stats->wakeups;
}

static Histogram *pick_preemptions(VcpuStats *stats)
{
    return &stats->preemptions;
}

static Histogram *pick_halt_wakes(VcpuStats *stats)
{
    return &stats->halt_wakes;
}

static Histogram *pick_steals(VcpuStats *stats)
{
    return &stats->steals;
}

static Histogram sum_of(const Analysis *analysis, PickTimes pick)
{
    Histogram sum = {0};

    for (guint i = 0; i < analysis->vcpus->len; i++) {
        histogram_merge(&sum, pick(analysis->vcpus->pdata[i]));
    }
    return sum;
}

static Histogram sum_of_exits(const Analysis *analysis, uint32_t reason)
{
    Histogram sum = {0};

    for (guint i = 0; i < analysis->vcpus->len; i++) {
        const GArray *exits = ((VcpuStats *)analysis->vcpus->pdata[i])->exits;

        for (guint n = 0; n < exits->len; n++) {
            const KeyedHistogram *keyed =
                &g_array_index(exits, KeyedHistogram, n);

            if (keyed->key == reason) {
                histogram_merge(&sum, &keyed->times);
            }
        }
    }
    return sum;
}

static void note_reasons(const Analysis *analysis, GHashTable *reasons)
{
    for (guint i = 0; i < analysis->vcpus->len; i++) {
        const GArray *exits = ((VcpuStats *)analysis->vcpus->pdata[i])->exits;

        for (guint n = 0; n < exits->len; n++) {
            g_hash_table_add(reasons,
                             GUINT_TO_POINTER(
                                 g_array_index(exits, KeyedHistogram, n).key));
        }
    }
}

static int by_reason_text(gconstpointer a, gconstpointer b)
{
    g_autofree char *one = g_strdup(exit_reason_text(GPOINTER_TO_UINT(a)));

    return strcmp(one, exit_reason_text(GPOINTER_TO_UINT(b)));
}

static void add_exits(Comparison *comparison, const Analysis *a,
                      const Analysis *b)
{
    g_autoptr(GHashTable) reasons = g_hash_table_new(NULL, NULL);
    g_autoptr(GList) keys = NULL;

    note_reasons(a, reasons);
    note_reasons(b, reasons);
    keys = g_list_sort(g_hash_table_get_keys(reasons), by_reason_text);
    for (GList *key = keys; key; key = key->next) {
        uint32_t reason = GPOINTER_TO_UINT(key->data);
        g_autofree char *text =
            g_strdup_printf("exit %s", exit_reason_text(reason));
        Histogram times_a = sum_of_exits(a, reason);
        Histogram times_b = sum_of_exits(b, reason);

        add_times(comparison, text, a, &times_a, b, &times_b);
    }
}

static void add_all_times(Comparison *comparison, const Analysis *a,
                          const Analysis *b)
{
    static const struct {
        const char *text;
        PickTimes pick;
    } kinds[] = {
        {"timer lateness", pick_timers},
        {"guest wake-up", pick_wakeups},
        {"guest preemption", pick_preemptions},
        {"halt wake-up", pick_halt_wakes},
        {"steal", pick_steals},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        Histogram times_a = sum_of(a, kinds[i].pick);
        Histogram times_b = sum_of(b, kinds[i].pick);

        add_times(comparison, kinds[i].text, a, &times_a, b, &times_b);
    }
    add_exits(comparison, a, b);
}

Comparison *comparison_make(const Analysis *a, const Analysis *b)
{
    Comparison *comparison = g_new0(Comparison, 1);
    g_autoptr(GHashTable) by_key =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    comparison->causes = g_array_new(FALSE, TRUE, sizeof(ComparedCause));
    g_array_set_clear_func(comparison->causes, cause_clear);
    comparison->times = g_array_new(FALSE, TRUE, sizeof(ComparedTimes));
    g_array_set_clear_func(comparison->times, times_clear);
    add_causes(comparison, by_key, a, SIDE_A);
    add_causes(comparison, by_key, b, SIDE_B);
    g_array_sort(comparison->causes, by_change);
    add_all_times(comparison, a, b);
    return comparison;
}

void comparison_free(Comparison *comparison)
{
    if (comparison) {
        g_array_unref(comparison->causes);
        g_array_unref(comparison->times);
        g_free(comparison);
    }
}
