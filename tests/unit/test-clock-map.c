/*
 * ClockMap against the kernel's arithmetic.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "clock/clock-map.h"

typedef unsigned __int128 Uint128;

/* One year of a 3 GHz clock, in ticks. */
#define YEAR_TICKS (UINT64_C(3000000000) * 86400 * 365)

/*
 * kvm_scale_tsc() the way the kernel computes it where the compiler has no
 * 128-bit type: mul_u64_u64_shr() of include/linux/math64.h by 32-bit limbs.
 * Independent of the code under test on purpose.
 */
static uint64_t kernel_mul_shr(uint64_t a, uint64_t b, unsigned shift)
{
    uint64_t a_low = (uint32_t)a, a_high = a >> 32;
    uint64_t b_low = (uint32_t)b, b_high = b >> 32;
    uint64_t low = a_low * b_low;
    uint64_t middle = a_low * b_high;
    uint64_t other = a_high * b_low;
    uint64_t high = a_high * b_high;
    uint64_t carry;

    middle += low >> 32;
    carry = (uint32_t)middle + other < other ? 1 : 0;
    other += (uint32_t)middle;
    high += (middle >> 32) + (other >> 32) + (carry << 32);
    low = (uint32_t)low | (other << 32);
    if (shift == 0) {
        return low;
    }
    return shift < 64 ? (low >> shift) | (high << (64 - shift))
                      : high >> (shift - 64);
}

/* mul_u64_u32_div(): schoolbook division by 32-bit digits. */
static uint64_t kernel_mul_div(uint64_t a, uint32_t mul, uint32_t divisor)
{
    uint64_t low = (uint64_t)(uint32_t)a * mul;
    uint64_t high = (a >> 32) * mul + (low >> 32);
    uint64_t rest = ((high % divisor) << 32) + (uint32_t)low;

    return ((high / divisor) << 32) + rest / divisor;
}

typedef struct Rate {
    uint32_t frac_bits; /* 48: VMX, 32: SVM */
    uint32_t user_khz;
    uint32_t host_khz;
} Rate;

static const Rate rates[] = {
    {48, 2400000, 2399999}, {48, 2100000, 2592003}, {48, 3400000, 2194710},
    {48, 1000000, 5700000}, {48, 5700000, 1000000}, {32, 2000000, 2994372},
    {32, 3693065, 2994372}, {32, 2994373, 2994372}, {32, 1996246, 3792874},
    {32, 2450000, 2449995}, {48, 2995000, 2995200}, {32, 799000, 4491560},
};

static const int64_t offsets[] = {
    0, -1, 1, -11191009649, INT64_MIN, INT64_MAX, 123456789012345,
};

static uint64_t random_ticks(uint64_t bound)
{
    uint64_t value =
        ((uint64_t)g_test_rand_int() << 32) | (uint32_t)g_test_rand_int();

    return value % bound;
}

static void test_ratio(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rates); i++) {
        const Rate *rate = &rates[i];

        g_assert_cmpuint(clock_map_kvm_ratio(rate->frac_bits, rate->user_khz,
                                             rate->host_khz),
                         ==,
                         kernel_mul_div(UINT64_C(1) << rate->frac_bits,
                                        rate->user_khz, rate->host_khz));
    }
}

static void check_map(const ClockMap *map, uint64_t host)
{
    uint64_t guest = clock_map_to_guest(map, host);
    uint64_t back;

    g_assert_cmpuint(guest, ==,
                     kernel_mul_shr(host, map->ratio, map->frac_bits) +
                         (uint64_t)map->offset_ticks);
    back = clock_map_to_host(map, guest);
    /* The first host tick that shows this value: never later than host. */
    g_assert_cmpuint(back, <=, host);
    g_assert_cmpuint(clock_map_to_guest(map, back), ==, guest);
    if (back > 0 && clock_map_is_scaled(map)) {
        g_assert_cmpuint(clock_map_to_guest(map, back - 1), !=, guest);
    }
    /* Not off by more than one tick of the coarser clock. */
    g_assert_cmpuint(host - back, <=,
                     (((Uint128)1 << map->frac_bits) / map->ratio));
}

static void test_forward_and_back(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rates); i++) {
        const Rate *rate = &rates[i];

        for (size_t n = 0; n < G_N_ELEMENTS(offsets); n++) {
            ClockMap map = {
                .ratio = clock_map_kvm_ratio(rate->frac_bits, rate->user_khz,
                                             rate->host_khz),
                .frac_bits = rate->frac_bits,
                .offset_ticks = offsets[n],
            };

            for (uint64_t host = 0; host < 300; host++) {
                check_map(&map, host);
            }
            for (int sample = 0; sample < 2000; sample++) {
                check_map(&map, random_ticks(5 * YEAR_TICKS));
            }
        }
    }
}

static void test_every_tick(void)
{
    /* Ticks in a row: no guest tick maps before its predecessor. */
    for (size_t i = 0; i < G_N_ELEMENTS(rates); i++) {
        ClockMap map = {
            .ratio = clock_map_kvm_ratio(rates[i].frac_bits, rates[i].user_khz,
                                         rates[i].host_khz),
            .frac_bits = rates[i].frac_bits,
            .offset_ticks = -5,
        };
        uint64_t start = random_ticks(YEAR_TICKS);
        uint64_t last = 0;

        for (uint64_t guest = start; guest < start + 5000; guest++) {
            uint64_t host = clock_map_to_host(&map, guest);

            g_assert_cmpuint(host, >=, last);
            g_assert_cmpuint(clock_map_to_guest(&map, host), >=, guest);
            g_assert_cmpuint(clock_map_to_guest(&map, host - 1), <, guest);
            last = host;
        }
    }
}

static void test_unscaled(void)
{
    for (size_t n = 0; n < G_N_ELEMENTS(offsets); n++) {
        ClockMap map = clock_map_unscaled(offsets[n]);
        ClockMap svm = {UINT64_C(1) << 32, 32, offsets[n]};
        ClockMap vmx = {UINT64_C(1) << 48, 48, offsets[n]};

        g_assert_false(clock_map_is_scaled(&map));
        g_assert_false(clock_map_is_scaled(&svm));
        g_assert_false(clock_map_is_scaled(&vmx));
        for (int sample = 0; sample < 2000; sample++) {
            uint64_t host = random_ticks(UINT64_MAX);
            uint64_t guest = host + (uint64_t)offsets[n];

            g_assert_cmpuint(clock_map_to_guest(&map, host), ==, guest);
            g_assert_cmpuint(clock_map_to_guest(&svm, host), ==, guest);
            g_assert_cmpuint(clock_map_to_host(&map, guest), ==, host);
            g_assert_cmpuint(clock_map_to_host(&vmx, guest), ==, host);
        }
    }
}

static void test_saturates(void)
{
    ClockMap map = {.ratio = 1, .frac_bits = 32};

    g_assert_cmpuint(clock_map_to_host(&map, UINT64_MAX), ==, UINT64_MAX);
}

static void test_nanoseconds(void)
{
    /* perf's mult and shift of a 2.4 GHz host */
    g_assert_cmpuint(clock_ticks_to_ns(2400000000, 6990507, 24), ==,
                     1000000047);
    g_assert_cmpuint(clock_ticks_to_ns(UINT64_MAX, UINT32_MAX, 32), ==,
                     UINT64_MAX - UINT64_C(0x100000000));
    for (int i = 0; i < 10000; i++) {
        uint64_t ticks = random_ticks(UINT64_MAX);
        uint32_t mult = (uint32_t)g_test_rand_int();
        unsigned shift = (unsigned)g_test_rand_int_range(0, 64);

        g_assert_cmpuint(clock_ticks_to_ns(ticks, mult, shift), ==,
                         kernel_mul_shr(ticks, mult, shift));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/clock-map/kvm-ratio", test_ratio);
    g_test_add_func("/clock-map/forward-and-back", test_forward_and_back);
    g_test_add_func("/clock-map/every-tick", test_every_tick);
    g_test_add_func("/clock-map/unscaled", test_unscaled);
    g_test_add_func("/clock-map/saturates", test_saturates);
    g_test_add_func("/clock-map/nanoseconds", test_nanoseconds);
    return g_test_run();
}
