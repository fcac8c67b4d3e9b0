/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab-spike: causes one latency of a known kind and length.
 *
 * So that what `explain` says of a recording can be held against what was
 * done.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STORM_EVENTS    6
#define STORM_PERIOD_NS 20000

static void die(const char *what)
{
    fprintf(stderr, "lab-spike: cannot %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static void sleep_ms(double ms)
{
    struct timespec ts = {
        .tv_sec = (time_t)(ms / 1e3),
        .tv_nsec = (long)(ms * 1e6) % 1000000000,
    };

    nanosleep(&ts, NULL);
}

static void stay_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set)) {
        die("stay on the CPU");
    }
}

/* Uses the CPU at a real-time priority, or at none when it is 0. */
static void hog(int priority, double ms)
{
    struct sched_param param = {.sched_priority = priority};
    double end_ms;

    if (sched_setscheduler(0, priority ? SCHED_FIFO : SCHED_OTHER, &param)) {
        die("set the priority");
    }
    end_ms = now_ms() + ms;
    while (now_ms() < end_ms) {
        /* Being there is all. */
    }
}

static int open_timer(int cpu)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof(attr),
        .config = PERF_COUNT_SW_CPU_CLOCK,
        .sample_period = STORM_PERIOD_NS,
    };
    int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, 0);

    if (fd < 0) {
        die("open a perf event");
    }
    return fd;
}

/* Timer interrupts on the CPU, as many as it can take. */
static void storm(int cpu, double ms)
{
    int fds[STORM_EVENTS];

    for (int i = 0; i < STORM_EVENTS; i++) {
        fds[i] = open_timer(cpu);
    }
    sleep_ms(ms);
    for (int i = 0; i < STORM_EVENTS; i++) {
        close(fds[i]);
    }
}

static int usage(void)
{
    fprintf(
        stderr,
        "usage: lab-spike hog CPU PRIORITY MS   uses the CPU\n"
        "       lab-spike storm CPU MS          timer interrupts on it\n"
        "       lab-spike port CPU PORT         writes a byte to the port\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "hog") == 0) {
        stay_on(atoi(argv[2]));
        hog(atoi(argv[3]), atof(argv[4]));
    } else if (argc == 4 && strcmp(argv[1], "storm") == 0) {
        storm(atoi(argv[2]), atof(argv[3]));
    } else {
        return usage();
    }
    return 0;
}
