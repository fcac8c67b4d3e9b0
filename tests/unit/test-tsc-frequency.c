/*
 * TscFrequency and TscScaling: the kernel's own arithmetic.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "clock/clock-map.h"
#include "session/tsc-frequency.h"
#include "session/tsc-scaling.h"

/* As a kernel with that tsc_khz shows them in perf's mmap page. */
static void test_from_khz(void)
{
    static const struct {
        uint32_t khz, mult, shift;
    } known[] = {
        {1000000, 1U << 31, 31},
        {2000000, 1U << 30, 31},
        {2445429, 878162338, 31},
        {999999, 2147485795U, 31},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        TscFrequency f = tsc_frequency_from_khz(known[i].khz, "qmp");

        g_assert_cmpuint(f.mult, ==, known[i].mult);
        g_assert_cmpuint(f.shift, ==, known[i].shift);
        g_assert_cmpuint(f.khz, ==, known[i].khz);
        /* One second of ticks, to 10^-9. */
        g_assert_cmpuint(
            clock_ticks_to_ns((uint64_t)f.khz * 1000, f.mult, f.shift) + 1, >=,
            1000000000 - 1);
    }
}

static void test_sources_agree(void)
{
    TscFrequency measured = tsc_frequency_measure();
    TscFrequency perf;

    g_assert_cmpuint(measured.khz, >, 1000);
    if (!tsc_frequency_from_perf(&perf)) {
        g_test_skip("perf's mmap page does not tell the TSC's frequency");
        return;
    }
    /* 1000 ppm: a busy machine measures badly. */
    g_assert_cmpuint(ABS((int64_t)perf.khz - (int64_t)measured.khz), <,
                     perf.khz / 1000);
}

static void test_tolerance(void)
{
    g_assert_true(tsc_scaling_is_within(2000000, 2000000, 250));
    g_assert_true(tsc_scaling_is_within(2000500, 2000000, 250));
    g_assert_false(tsc_scaling_is_within(2000501, 2000000, 250));
    g_assert_true(tsc_scaling_is_within(1999500, 2000000, 250));
    g_assert_false(tsc_scaling_is_within(1999499, 2000000, 250));
    g_assert_false(tsc_scaling_is_within(2000001, 2000000, 0));
}

static void test_scaling(void)
{
    TscScaling none = tsc_scaling_find(2000400, 2000000, 0, 0);
    TscScaling unknown = tsc_scaling_find(0, 2000000, 0, 0);
    TscScaling computed = tsc_scaling_find(3000000, 2000000, 0, 0);

    g_assert_cmpint(none.kind, ==, TSC_SCALING_NONE);
    g_assert_cmpint(unknown.kind, ==, TSC_SCALING_NONE);
    g_assert_cmpint(computed.kind, ==, TSC_SCALING_COMPUTED);
    g_assert_cmpuint(computed.ratio, ==,
                     UINT64_C(3) << (computed.frac_bits - 1));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tsc-frequency/from-khz", test_from_khz);
    g_test_add_func("/tsc-frequency/sources-agree", test_sources_agree);
    g_test_add_func("/tsc-scaling/tolerance", test_tolerance);
    g_test_add_func("/tsc-scaling/find", test_scaling);
    return g_test_run();
}
