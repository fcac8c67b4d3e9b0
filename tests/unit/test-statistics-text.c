/*
 * Statistics as text: what is told of how many values, in aligned columns.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/exit-reason.h"
#include "output/explain-text.h"

/* One vCPU; ticks are nanoseconds. */
static char *print(VcpuStats *stats)
{
    g_autoptr(GPtrArray) vcpus = g_ptr_array_new();
    g_autoptr(GArray) tasks = g_array_new(FALSE, FALSE, sizeof(TaskStats));
    Analysis analysis = {
        .names = names_new(),
        .scale = {.unit = TIMELINE_NS, .mult = 1},
        .vcpus = vcpus,
        .tasks = tasks,
    };
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);

    g_ptr_array_add(vcpus, stats);
    statistics_text_print(&analysis, stream);
    fclose(stream);
    names_free(analysis.names);
    vcpu_stats_free(stats);
    return text;
}

static void test_few_values(void)
{
    VcpuStats *stats = vcpu_stats_new("vm1", 0, 100);
    uint32_t hlt = exit_reason_make(EXIT_ISA_VMX, 12);
    g_autofree char *text = NULL;

    for (uint64_t i = 1; i <= 100; i++) {
        histogram_add(&stats->wakeups, i * 1000);
    }
    histogram_add(keyed_histogram(stats->exits, hlt, NAME_OTHERS), 5000);
    text = print(stats);
    /* 100 values tell p99 and no more, one value tells nothing. */
    g_assert_cmpstr(
        text, ==,
        "vm1 vCPU 0 (host thread 100), microseconds:\n"
        "                   count      total       p50       p90       p99"
        "       max\n"
        "  guest wake-up      100       5050      50.2      90.1      99.3"
        "     100.0\n"
        "  exit HLT             1          5         -         -         -"
        "       5.0\n\n");
    free(g_steal_pointer(&text));
}

static void test_shares(void)
{
    VcpuStats *stats = vcpu_stats_new("vm1", 0, 100);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    for (int kind = 0; kind < CAUSE_N_KINDS; kind++) {
        stats->by_kind[kind] = 1000;
    }
    text = print(stats);
    lines = g_strsplit(text, "\n", -1);
    g_assert_true(g_str_has_prefix(lines[1], "  time: "));
    g_assert_true(g_str_has_prefix(lines[2], "        "));
    for (int i = 0; lines[i]; i++) {
        g_assert_cmpuint(strlen(lines[i]), <, 80);
    }
    free(g_steal_pointer(&text));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/statistics-text/few-values", test_few_values);
    g_test_add_func("/statistics-text/shares", test_shares);
    return g_test_run();
}
