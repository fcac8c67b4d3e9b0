/*
 * An analysis as text: statistics.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/explain-text.h"

#include <inttypes.h>
#include <string.h>

#include "explain/exit-reason.h"
#include "explain/sentence.h"

#define MAX_TASKS  10
#define TEXT_WIDTH 79

static const struct {
    const char *text;
    double share;
} percentiles[] = {
    {"p50", 0.5},     {"p90", 0.9},       {"p99", 0.99},
    {"p99.9", 0.999}, {"p99.99", 0.9999}, {"p99.999", 0.99999},
};

typedef struct Row {
    char *label;
    Histogram times; /* the buckets are the analysis's */
} Row;

static void row_clear(gpointer data)
{
    g_free(((Row *)data)->label);
}

static GArray *table_new(void)
{
    GArray *table = g_array_new(FALSE, FALSE, sizeof(Row));

    g_array_set_clear_func(table, row_clear);
    return table;
}

/* Takes the label; what never happened has no row. */
static void table_add(GArray *table, char *label, const Histogram *times)
{
    const Row row = {.label = label, .times = *times};

    if (times->count == 0) {
        g_free(label);
        return;
    }
    g_array_append_val(table, row);
}

/* In microseconds, as a table wants one unit. */
static double us(const Analysis *analysis, uint64_t ticks)
{
    return (double)analysis_span(analysis, ticks) / 1e3;
}

/* How wide the labels are, and how many percentiles any row tells. */
static void table_measure(const GArray *table, int *width, size_t *n_columns)
{
    *width = 0;
    *n_columns = 0;
    for (guint i = 0; i < table->len; i++) {
        const Row *row = &g_array_index(table, Row, i);

        *width = MAX(*width, (int)g_utf8_strlen(row->label, -1));
        while (
            *n_columns < G_N_ELEMENTS(percentiles) &&
            histogram_tells(row->times.count, percentiles[*n_columns].share)) {
            ++*n_columns;
        }
    }
}

static void print_row(const Analysis *analysis, const Row *row,
                      size_t n_columns, FILE *stream)
{
    const Histogram *times = &row->times;

    fprintf(stream, " %8" PRIu64 " %10.0f", times->count,
            us(analysis, times->sum_ticks));
    for (size_t i = 0; i < n_columns; i++) {
        double share = percentiles[i].share;

        if (histogram_tells(times->count, share)) {
            fprintf(stream, " %9.1f",
                    us(analysis, histogram_percentile(times, share)));
        } else {
            fprintf(stream, " %9s", "-");
        }
    }
    fprintf(stream, " %9.1f\n", us(analysis, times->max_ticks));
}

static void table_print(const Analysis *analysis, const GArray *table,
                        FILE *stream)
{
    int width;
    size_t n_columns;

    if (table->len == 0) {
        return;
    }
    table_measure(table, &width, &n_columns);
    fprintf(stream, "  %-*s %8s %10s", width, "", "count", "total");
    for (size_t i = 0; i < n_columns; i++) {
        fprintf(stream, " %9s", percentiles[i].text);
    }
    fprintf(stream, " %9s\n", "max");
    for (guint i = 0; i < table->len; i++) {
        const Row *row = &g_array_index(table, Row, i);
        int pad = width - (int)g_utf8_strlen(row->label, -1);

        fprintf(stream, "  %s%*s", row->label, pad, "");
        print_row(analysis, row, n_columns, stream);
    }
}

static int by_sum(gconstpointer a, gconstpointer b)
{
    uint64_t one = ((const KeyedHistogram *)a)->times.sum_ticks;
    uint64_t other = ((const KeyedHistogram *)b)->times.sum_ticks;

    return one < other ? 1 : one > other ? -1 : 0;
}

static void add_keyed(GArray *table, const Analysis *analysis, GArray *array,
                      bool is_exits)
{
    g_autoptr(GArray) sorted = g_array_copy(array);

    g_array_sort(sorted, by_sum);
    for (guint i = 0; i < sorted->len; i++) {
        const KeyedHistogram *keyed = &g_array_index(sorted, KeyedHistogram, i);
        char *label =
            is_exits ? g_strdup_printf("exit %s", exit_reason_text(keyed->key))
                     : g_strdup_printf(
                           "interrupt %u %s", keyed->key,
                           names_get(analysis->names, keyed->name)->text);

        table_add(table, label, &keyed->times);
    }
}

/* Breaks the line in front of what doesn't fit. */
static void print_share(const char *share, int *column, FILE *stream)
{
    int width = (int)strlen(share) + 2;

    if (*column == 0) {
        *column = fprintf(stream, "  time: %s", share);
    } else if (*column + width <= TEXT_WIDTH) {
        *column += fprintf(stream, ", %s", share);
    } else {
        fputs(",\n", stream);
        *column = fprintf(stream, "        %s", share);
    }
}

static void print_shares(const Analysis *analysis, const VcpuStats *stats,
                         FILE *stream)
{
    uint64_t total = 0;
    int column = 0;

    for (int kind = 0; kind < CAUSE_N_KINDS; kind++) {
        total += stats->by_kind[kind];
    }
    for (int kind = 0; kind < CAUSE_N_KINDS && total > 0; kind++) {
        double share = 100.0 * (double)stats->by_kind[kind] / (double)total;
        g_autofree char *text =
            g_strdup_printf("%s %.1f %%", cause_kind_id((CauseKind)kind),
                            share);

        if (share >= 0.05) {
            print_share(text, &column, stream);
        }
    }
    if (column > 0) {
        fputc('\n', stream);
    }
    if (stats->noise.n_samples > 0) {
        g_autofree char *all =
            duration_text(analysis, stats->noise.total_ticks);
        g_autofree char *host =
            duration_text(analysis, stats->noise.host_ticks);
        g_autofree char *left =
            duration_text(analysis, stats->noise.left_ticks);

        fprintf(stream,
                "  hardware noise, as the guest calls it: %s, of "
                "which the host explains %s; %s remain\n",
                all, host, left);
    }
}

static void print_vcpu(const Analysis *analysis, unsigned index, FILE *stream)
{
    const VcpuStats *stats = analysis->vcpus->pdata[index];
    g_autofree char *name = vcpu_text(analysis, index);
    g_autoptr(GArray) table = table_new();

    fprintf(stream, "%s (host thread %d), microseconds:\n", name,
            stats->thread_id);
    print_shares(analysis, stats, stream);
    table_add(table, g_strdup("timer lateness"), &stats->timers);
    table_add(table, g_strdup("guest wake-up"), &stats->wakeups);
    table_add(table, g_strdup("guest preemption"), &stats->preemptions);
    table_add(table, g_strdup("halt wake-up"), &stats->halt_wakes);
    table_add(table, g_strdup("steal (runnable, not running)"), &stats->steals);
    add_keyed(table, analysis, stats->injections, false);
    add_keyed(table, analysis, stats->exits, true);
    table_print(analysis, table, stream);
}

static int by_max(gconstpointer a, gconstpointer b)
{
    uint64_t one = ((const TaskStats *)a)->wakeups.max_ticks;
    uint64_t other = ((const TaskStats *)b)->wakeups.max_ticks;

    return one < other ? 1 : one > other ? -1 : 0;
}

static void print_tasks(const Analysis *analysis, FILE *stream)
{
    g_autoptr(GArray) tasks = g_array_copy(analysis->tasks);
    g_autoptr(GArray) table = table_new();

    g_array_sort(tasks, by_max);
    for (guint i = 0; i < tasks->len && i < MAX_TASKS; i++) {
        const TaskStats *task = &g_array_index(tasks, TaskStats, i);
        const Name *name = names_get(analysis->names, task->name);

        table_add(table,
                  g_strdup_printf("%s %s-%d", task->machine, name->text,
                                  name->pid),
                  &task->wakeups);
    }
    if (table->len > 0) {
        fprintf(stream, "Wake-ups of the guest tasks that waited longest, "
                        "microseconds:\n");
        table_print(analysis, table, stream);
    }
}

void statistics_text_print(const Analysis *analysis, FILE *stream)
{
    for (guint i = 0; i < analysis->vcpus->len; i++) {
        print_vcpu(analysis, i, stream);
        fputc('\n', stream);
    }
    print_tasks(analysis, stream);
}
