/*
 * HostSleep: for how long this machine was suspended since a moment.
 *
 * While it sleeps, CLOCK_BOOTTIME goes on and CLOCK_MONOTONIC does not
 * (clock_gettime(2)), so they move apart by the time that it slept, and for no
 * other reason.  A TSC may be set anew meanwhile, and KVM then gives its guests
 * other offsets, so a recording can't go on past it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HOST_SLEEP_H
#define HOST_SLEEP_H

#include <stdint.h>

/* Nanoseconds.  Read in this order, so that bounds of their distance are known
 * however long it took to read them. */
typedef struct HostSleep {
    int64_t before_ns; /* CLOCK_MONOTONIC */
    int64_t boot_ns;   /* CLOCK_BOOTTIME */
    int64_t after_ns;  /* CLOCK_MONOTONIC */
} HostSleep;

HostSleep host_sleep_read(void);

/* At least so long was slept between the two; 0 if perhaps not at all. */
uint64_t host_sleep_between_ns(const HostSleep *first, const HostSleep *second);

#endif
