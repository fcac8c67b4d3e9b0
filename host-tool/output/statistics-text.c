/*
 * An analysis as text: statistics.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/explain-text.h"

#include <inttypes.h>

#include "explain/exit-reason.h"
#include "explain/sentence.h"

#define MAX_TASKS 10

static const double shares[] = {0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999};

static void print_head(FILE *stream)
{
    fprintf(stream, "  %-34s %8s %10s %9s %9s %9s %9s %9s %9s %9s\n", "",
            "count", "total", "p50", "p90", "p99", "p99.9", "p99.99", "p99.999",
            "max");
}

/* In microseconds, as a table wants one unit. */
static double us(const Analysis *analysis, uint64_t ticks)
{
    return (double)analysis_span(analysis, ticks) / 1e3;
}

static void print_row(const Analysis *analysis, const char *label,
                      const Histogram *histogram, FILE *stream)
{
    if (histogram->count == 0) {
        return;
    }
    fprintf(stream, "  %-34s %8" PRIu64 " %10.0f", label, histogram->count,
            us(analysis, histogram->sum_ticks));
    for (size_t i = 0; i < G_N_ELEMENTS(shares); i++) {
        fprintf(stream, " %9.1f",
                us(analysis, histogram_percentile(histogram, shares[i])));
    }
    fprintf(stream, " %9.1f\n", us(analysis, histogram->max_ticks));
}

static int by_sum(gconstpointer a, gconstpointer b)
{
    uint64_t one = ((const KeyedHistogram *)a)->times.sum_ticks;
    uint64_t other = ((const KeyedHistogram *)b)->times.sum_ticks;

    return one < other ? 1 : one > other ? -1 : 0;
}

static void print_keyed(const Analysis *analysis, const GArray *array,
                        bool is_exits, FILE *stream)
{
    g_autofree KeyedHistogram *sorted =
        g_memdup2(array->data, array->len * sizeof(KeyedHistogram));

    qsort(sorted, array->len, sizeof(*sorted), by_sum);
    for (guint i = 0; i < array->len; i++) {
        g_autofree char *label =
            is_exits
                ? g_strdup_printf("exit %s", exit_reason_text(sorted[i].key))
                : g_strdup_printf(
                      "interrupt %u %s", sorted[i].key,
                      names_get(analysis->names, sorted[i].name)->text);

        print_row(analysis, label, &sorted[i].times, stream);
    }
}

static void print_shares(const Analysis *analysis, const VcpuStats *stats,
                         FILE *stream)
{
    uint64_t total = 0;

    for (int kind = 0; kind < CAUSE_N_KINDS; kind++) {
        total += stats->by_kind[kind];
    }
    fprintf(stream, "  time:");
    for (int kind = 0; kind < CAUSE_N_KINDS && total > 0; kind++) {
        double share = 100.0 * (double)stats->by_kind[kind] / (double)total;

        if (share >= 0.05) {
            fprintf(stream, " %s %.1f %%", cause_kind_id((CauseKind)kind),
                    share);
        }
    }
    fputc('\n', stream);
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

    fprintf(stream, "%s (host thread %d), microseconds:\n", name,
            stats->thread_id);
    print_shares(analysis, stats, stream);
    print_head(stream);
    print_row(analysis, "timer lateness", &stats->timers, stream);
    print_row(analysis, "guest wake-up", &stats->wakeups, stream);
    print_row(analysis, "guest preemption", &stats->preemptions, stream);
    print_row(analysis, "halt wake-up", &stats->halt_wakes, stream);
    print_row(analysis, "steal (runnable, not running)", &stats->steals,
              stream);
    print_keyed(analysis, stats->injections, false, stream);
    print_keyed(analysis, stats->exits, true, stream);
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

    g_array_sort(tasks, by_max);
    fprintf(stream, "Wake-ups of the guest tasks that waited longest, "
                    "microseconds:\n");
    print_head(stream);
    for (guint i = 0; i < tasks->len && i < MAX_TASKS; i++) {
        const TaskStats *task = &g_array_index(tasks, TaskStats, i);
        const Name *name = names_get(analysis->names, task->name);
        g_autofree char *label =
            g_strdup_printf("%s %s-%d", task->machine, name->text, name->pid);

        print_row(analysis, label, &task->wakeups, stream);
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
