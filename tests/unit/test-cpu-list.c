/*
 * CpuList: made-up per_cpu directories and cpuinfo texts.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "cpu-list.h"
#include "scratch-dir.h"

/* Three cores a socket: APIC ids skip; CPU 2 is offline. */
#define CPUINFO                                                \
    "processor\t: 0\napicid\t\t: 0\ninitial apicid\t: 100\n\n" \
    "processor\t: 1\napicid\t\t: 4\ninitial apicid\t: 101\n\n" \
    "processor\t: 10\ninitial apicid\t: 102\napicid\t\t: 300\n\n"

static void test_apic_ids(void)
{
    char *dir = scratch_dir_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) cpus = NULL;
    const TraceHelloCpu expected[] = {
        {0, 0}, {1, 4}, {2, TRACE_STREAM_NO_APIC_ID}, {10, 300}};

    scratch_dir_write(dir, "cpu10/stats", "");
    scratch_dir_write(dir, "cpu2/stats", "");
    scratch_dir_write(dir, "cpu1/stats", "");
    scratch_dir_write(dir, "cpu0/stats", "");
    scratch_dir_write(dir, "other", "");
    cpus = cpu_list_new(dir, CPUINFO, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(cpus->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < cpus->len; i++) {
        const TraceHelloCpu *cpu = &g_array_index(cpus, TraceHelloCpu, i);

        g_assert_cmpuint(cpu->cpu, ==, expected[i].cpu);
        g_assert_cmpuint(cpu->apic_id, ==, expected[i].apic_id);
    }
    scratch_dir_remove(dir);
}

static void test_none(void)
{
    char *dir = scratch_dir_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) no_dir = NULL;

    g_assert_null(cpu_list_new(dir, CPUINFO, &error));
    g_assert_nonnull(error);
    g_assert_null(cpu_list_new("/nonexistent", CPUINFO, &no_dir));
    g_assert_nonnull(no_dir);
    scratch_dir_remove(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cpu-list/apic-ids", test_apic_ids);
    g_test_add_func("/cpu-list/none", test_none);
    return g_test_run();
}
