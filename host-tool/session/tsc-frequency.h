/*
 * TscFrequency: how the host's TSC ticks become nanoseconds.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TSC_FREQUENCY_H
#define TSC_FREQUENCY_H

#include <glib.h>
#include <stdint.h>

/* ns = (ticks * mult) >> shift. */
typedef struct TscFrequency {
    uint32_t mult;
    uint32_t shift;
    uint32_t khz;
    const char *source; /* "perf", "qmp" or "measured"; a constant */
} TscFrequency;

/*
 * The kernel's own numbers from perf's mmap page; else from qmp_khz unless
 * that is 0; else measured for 50 ms.
 */
TscFrequency tsc_frequency_find(uint32_t qmp_khz);

/* The numbers that the kernel derives from its khz, which must not be 0. */
TscFrequency tsc_frequency_from_khz(uint32_t khz, const char *source);

/* The kernel's numbers, FALSE if it doesn't tell them. */
gboolean tsc_frequency_from_perf(TscFrequency *frequency);

/* Against CLOCK_MONOTONIC_RAW, good to some 10 ppm. */
TscFrequency tsc_frequency_measure(void);

#endif
