/*
 * Analysis: why guests were late.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/analysis.h"

uint64_t analysis_span(const Analysis *analysis, uint64_t ticks)
{
    return timeline_scale_apply(&analysis->scale, ticks);
}

Analysis *analysis_new(void)
{
    Analysis *analysis = g_new0(Analysis, 1);

    analysis->names = names_new();
    analysis->vcpus =
        g_ptr_array_new_with_free_func((GDestroyNotify)vcpu_stats_free);
    analysis->findings =
        g_ptr_array_new_with_free_func((GDestroyNotify)finding_free);
    analysis->recorders =
        g_ptr_array_new_with_free_func((GDestroyNotify)finding_free);
    analysis->cause_totals = g_array_new(FALSE, FALSE, sizeof(CauseTotal));
    analysis->tasks = g_array_new(FALSE, FALSE, sizeof(TaskStats));
    return analysis;
}

void analysis_free(Analysis *analysis)
{
    if (!analysis) {
        return;
    }
    for (guint i = 0; i < analysis->tasks->len; i++) {
        histogram_clear(&g_array_index(analysis->tasks, TaskStats, i).wakeups);
    }
    g_array_unref(analysis->tasks);
    g_array_unref(analysis->cause_totals);
    g_ptr_array_unref(analysis->findings);
    g_ptr_array_unref(analysis->recorders);
    g_ptr_array_unref(analysis->vcpus);
    names_free(analysis->names);
    g_clear_pointer(&analysis->certificate, certificate_free);
    g_free(analysis);
}
