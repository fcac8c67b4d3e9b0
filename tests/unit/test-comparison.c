/*
 * Comparison: recordings of different lengths are compared by their rates.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "explain/comparison.h"
#include "explain/exit-reason.h"

#define MS 1000000

/* One vCPU; ticks are nanoseconds.  It has a wake-up in each millisecond. */
static void sample(Analysis *analysis, unsigned length_ms)
{
    VcpuStats *stats = vcpu_stats_new("vm1", 0, 100);

    *analysis = (Analysis){
        .names = names_new(),
        .scale = {.unit = TIMELINE_NS, .mult = 1},
        .vcpus =
            g_ptr_array_new_with_free_func((GDestroyNotify)vcpu_stats_free),
        .cause_totals = g_array_new(FALSE, FALSE, sizeof(CauseTotal)),
        .joint_ticks = (uint64_t)length_ms * MS,
    };
    for (unsigned i = 0; i < length_ms; i++) {
        histogram_add(&stats->wakeups, 1000 + i);
    }
    g_ptr_array_add(analysis->vcpus, stats);
}

static void sample_clear(Analysis *analysis)
{
    names_free(analysis->names);
    g_ptr_array_unref(analysis->vcpus);
    g_array_unref(analysis->cause_totals);
}

static void add_exit(Analysis *analysis, uint16_t reason, uint64_t ticks)
{
    VcpuStats *stats = analysis->vcpus->pdata[0];

    histogram_add(keyed_histogram(stats->exits,
                                  exit_reason_make(EXIT_ISA_VMX, reason),
                                  NAME_OTHERS),
                  ticks);
}

static void add_cause(Analysis *analysis, uint64_t ticks)
{
    const CauseTotal total = {
        .kind = INTERVAL_WAKEUP,
        .cause = cause_plain(CAUSE_HOST_IRQ),
        .ticks = ticks,
        .n_first = 1,
    };

    g_array_append_val(analysis->cause_totals, total);
}

static void test_rates(void)
{
    Analysis a, b;
    g_autoptr(Comparison) comparison = NULL;
    const ComparedTimes *times;
    const ComparedCause *cause;

    sample(&a, 50);
    sample(&b, 500);
    add_cause(&a, 1 * MS);
    add_cause(&b, 10 * MS);
    comparison = comparison_make(&a, &b);
    g_assert_cmpuint(comparison->times->len, ==, 1);
    times = &g_array_index(comparison->times, ComparedTimes, 0);
    g_assert_cmpfloat_with_epsilon(times->a.per_s, 1000, 1e-6);
    g_assert_cmpfloat_with_epsilon(times->b.per_s, 1000, 1e-6);
    g_assert_cmpuint(times->a.count, ==, 50);
    g_assert_cmpuint(times->b.count, ==, 500);
    g_assert_cmpuint(times->b.max_ns, ==, 1499);
    g_assert_cmpuint(comparison->causes->len, ==, 1);
    cause = &g_array_index(comparison->causes, ComparedCause, 0);
    g_assert_cmpfloat_with_epsilon(cause->a.ns_per_s, 20 * MS, 1e-3);
    g_assert_cmpfloat_with_epsilon(cause->b.ns_per_s, 20 * MS, 1e-3);
    sample_clear(&a);
    sample_clear(&b);
}

/* Those of one side only, too, and in the same order whatever came first. */
static void test_exits(void)
{
    static const char *const names[] = {"exit CPUID", "exit HLT"};
    Analysis a, b;
    g_autoptr(Comparison) comparison = NULL;

    sample(&a, 1);
    sample(&b, 1);
    add_exit(&a, 12, 5000);
    add_exit(&b, 10, 7000);
    comparison = comparison_make(&a, &b);
    g_assert_cmpuint(comparison->times->len, ==, 3);
    for (guint i = 0; i < 2; i++) {
        const ComparedTimes *times =
            &g_array_index(comparison->times, ComparedTimes, i + 1);

        g_assert_cmpstr(times->text, ==, names[i]);
        g_assert_cmpuint(times->a.count, ==, i);
        g_assert_cmpuint(times->b.count, ==, 1 - i);
        g_assert_cmpuint(times->a.max_ns, ==, i * 5000);
    }
    sample_clear(&a);
    sample_clear(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/comparison/rates", test_rates);
    g_test_add_func("/comparison/exits", test_exits);
    return g_test_run();
}
