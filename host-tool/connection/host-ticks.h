/*
 * The host's TSC, read here and now.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HOST_TICKS_H
#define HOST_TICKS_H

#include <stdint.h>
#include <x86intrin.h>

/*
 * LFENCE keeps the read from moving up, as rdtsc_ordered() in the kernel's
 * arch/x86/include/asm/tsc.h does.
 */
static inline uint64_t host_ticks_now(void)
{
    _mm_lfence();
    return __rdtsc();
}

#endif
