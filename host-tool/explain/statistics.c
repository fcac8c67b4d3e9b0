/*
 * VcpuStats: what one vCPU's recording adds up to.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/statistics.h"

/* More keys than these share the last one's histogram. */
#define MAX_KEYS 512

static void keyed_clear(gpointer data)
{
    histogram_clear(&((KeyedHistogram *)data)->times);
}

static GArray *keyed_array(void)
{
    GArray *array = g_array_new(FALSE, TRUE, sizeof(KeyedHistogram));

    g_array_set_clear_func(array, keyed_clear);
    return array;
}

VcpuStats *vcpu_stats_new(const char *machine, unsigned cpu, int32_t thread_id)
{
    VcpuStats *stats = g_new0(VcpuStats, 1);

    stats->machine = g_strdup(machine);
    stats->cpu = cpu;
    stats->thread_id = thread_id;
    stats->exits = keyed_array();
    stats->injections = keyed_array();
    return stats;
}

void vcpu_stats_free(VcpuStats *stats)
{
    g_array_unref(stats->exits);
    g_array_unref(stats->injections);
    histogram_clear(&stats->timers);
    histogram_clear(&stats->wakeups);
    histogram_clear(&stats->preemptions);
    histogram_clear(&stats->halt_wakes);
    histogram_clear(&stats->steals);
    g_free(stats->machine);
    g_free(stats);
}

Histogram *keyed_histogram(GArray *array, uint32_t key, uint32_t name)
{
    KeyedHistogram *keyed = (KeyedHistogram *)array->data;
    const KeyedHistogram fresh = {.key = key, .name = name};

    for (guint i = 0; i < array->len; i++) {
        if (keyed[i].key == key) {
            return &keyed[i].times;
        }
    }
    if (array->len < MAX_KEYS) {
        g_array_append_val(array, fresh);
    }
    return &g_array_index(array, KeyedHistogram, array->len - 1).times;
}
