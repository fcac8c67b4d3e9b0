/*
 * ClockMap: the exact relation between a host's TSC and a guest's.
 *
 * Pure arithmetic: no I/O, no allocation, no floating point.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CLOCK_MAP_H
#define CLOCK_MAP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * guest = ((host * ratio) >> frac_bits) + offset, modulo 2^64, with a 128-bit
 * product: kvm_scale_tsc() and kvm_read_l1_tsc() in arch/x86/kvm/x86.c.
 * An unscaled guest has ratio 1 << frac_bits; frac_bits is 48 on VMX and 32
 * on SVM (kvm_caps.tsc_scaling_ratio_frac_bits in vmx.c and svm.c).
 * frac_bits of 0 with ratio 1 is "no scaling" where the vendor is unknown.
 */
typedef struct ClockMap {
    uint64_t ratio;
    uint32_t frac_bits; /* 0 to 63 */
    int64_t offset_ticks;
    /*
     * Of a guest's guest: the map of the guest whose ticks are `host` above,
     * so that this one starts from that one's host.  NULL: from the host's
     * own.  Not owned.
     */
    const struct ClockMap *outer;
} ClockMap;

/* A map without scaling: guest = host + offset_ticks. */
ClockMap clock_map_unscaled(int64_t offset_ticks);

/* Is it more than an offset? */
bool clock_map_is_scaled(const ClockMap *map);

/*
 * The map of a guest's guest from the host on: inner after outer, exactly.
 * Each map rounds down on its own, so that two scaled ones are no single
 * ratio; they are kept as two steps and outer must outlive the result.  An
 * unscaled inner map only adds to outer's offset.  inner has no outer map yet.
 */
ClockMap clock_map_compose(const ClockMap *inner, const ClockMap *outer);

bool clock_map_equal(const ClockMap *a, const ClockMap *b);

/*
 * The ratio that KVM computes for a guest of user_khz on a host of host_khz:
 * mul_u64_u32_div(1 << frac_bits, user_khz, host_khz), that is, truncated
 * (set_tsc_khz() in arch/x86/kvm/x86.c).  KVM does not scale at all while
 * user_khz is within 250 ppm of host_khz (kvm_set_tsc_khz()), so this alone
 * never tells whether a guest is scaled.  host_khz must not be 0.
 */
uint64_t clock_map_kvm_ratio(uint32_t frac_bits, uint32_t user_khz,
                             uint32_t host_khz);

/* What the guest reads when the host's TSC is host_ticks. */
uint64_t clock_map_to_guest(const ClockMap *map, uint64_t host_ticks);

/*
 * The first host tick at which the guest read guest_ticks or more, for host
 * ticks in [0, 2^64): the inverse of clock_map_to_guest(), rounded up, so that
 * clock_map_to_guest(clock_map_to_host(g)) == g when ratio <= 1 << frac_bits,
 * and is the next readable value above g otherwise.  Saturates at UINT64_MAX
 * when no host tick below 2^64 reaches it.  With an outer map: the first tick
 * of the outermost host, since "first tick at which" composes exactly.
 */
uint64_t clock_map_to_host(const ClockMap *map, uint64_t guest_ticks);

/*
 * ticks * mult >> shift in 128 bits: mul_u64_u32_shr(), as perf's mmap page
 * and trace-cmd's TSC2NSEC define nanoseconds.  Rounds down.
 */
uint64_t clock_ticks_to_ns(uint64_t ticks, uint32_t mult, uint32_t shift);

#endif
