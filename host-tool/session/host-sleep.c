/*
 * For how long this machine was suspended.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/host-sleep.h"

#include <glib.h>
#include <time.h>

#define NS_PER_SECOND INT64_C(1000000000)

static int64_t read_clock(clockid_t clock)
{
    struct timespec now = {0};

    clock_gettime(clock, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

HostSleep host_sleep_read(void)
{
    HostSleep sleep;

    sleep.before_ns = read_clock(CLOCK_MONOTONIC);
    sleep.boot_ns = read_clock(CLOCK_BOOTTIME);
    sleep.after_ns = read_clock(CLOCK_MONOTONIC);
    return sleep;
}

uint64_t host_sleep_between_ns(const HostSleep *first, const HostSleep *second)
{
    int64_t most_at_first_ns = first->boot_ns - first->before_ns;
    int64_t least_at_second_ns = second->boot_ns - second->after_ns;

    return (uint64_t)MAX(least_at_second_ns - most_at_first_ns, 0);
}
