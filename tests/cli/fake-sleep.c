/*
 * fake-sleep: to be preloaded; the machine sleeps for 90 s as soon as the file
 * FAKE_SLEEP exists, as far as its clocks tell.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLEEP_S 90

int clock_gettime(clockid_t clock, struct timespec *now)
{
    const char *file = getenv("FAKE_SLEEP");
    int status = (int)syscall(SYS_clock_gettime, clock, now);

    if (status == 0 && clock == CLOCK_BOOTTIME && file &&
        access(file, F_OK) == 0) {
        now->tv_sec += SLEEP_S;
    }
    return status;
}
