/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab-load: a steady, predictable load for recordings.
 *
 * On each CPU a pair of threads: one wakes by timer every period and wakes the
 * other through a pipe. So each period gives a timer interrupt, two wake-ups
 * and the switches between them, on every CPU, without saturating it.
 */
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    int cpu;
    int pipe_fds[2];
    gint64 period_ns;
    gint64 end_ns; /* of CLOCK_MONOTONIC */
    guint64 periods;
    pthread_t sender, receiver;
} Pair;

static gint64 now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * G_GINT64_CONSTANT(1000000000) + ts.tv_nsec;
}

static void stay_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set)) {
        fprintf(stderr, "lab-load: cannot run on CPU %d: %s\n", cpu,
                g_strerror(errno));
        exit(1);
    }
}

static void *send_periodically(void *opaque)
{
    Pair *pair = opaque;
    gint64 next_ns = now_ns();

    stay_on(pair->cpu);
    while (next_ns < pair->end_ns) {
        struct timespec ts;

        /* A late wake-up is not followed by a burst that makes up for it. */
        next_ns = MAX(next_ns + pair->period_ns, now_ns());
        ts.tv_sec = next_ns / 1000000000;
        ts.tv_nsec = next_ns % 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
        if (write(pair->pipe_fds[1], "x", 1) != 1) {
            break;
        }
        pair->periods++;
    }
    close(pair->pipe_fds[1]);
    return NULL;
}

static void *receive(void *opaque)
{
    Pair *pair = opaque;
    char c;

    stay_on(pair->cpu);
    while (read(pair->pipe_fds[0], &c, 1) == 1) {
        /* Being woken is all that is to be done. */
    }
    close(pair->pipe_fds[0]);
    return NULL;
}

static void start_pair(Pair *pair)
{
    if (pipe(pair->pipe_fds) ||
        pthread_create(&pair->sender, NULL, send_periodically, pair) ||
        pthread_create(&pair->receiver, NULL, receive, pair)) {
        fprintf(stderr, "lab-load: cannot start the threads of CPU %d\n",
                pair->cpu);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? g_ascii_strtod(argv[1], NULL) : 0;
    gint64 period_us = argc > 2 ? g_ascii_strtoll(argv[2], NULL, 10) : 1000;
    int cpus = sysconf(_SC_NPROCESSORS_ONLN);
    g_autofree Pair *pairs = g_new0(Pair, cpus);
    guint64 periods = 0;

    if (argc > 3 || seconds <= 0 || period_us <= 0) {
        fprintf(stderr, "usage: lab-load SECONDS [PERIOD-IN-US]\n");
        return 2;
    }
    for (int i = 0; i < cpus; i++) {
        pairs[i].cpu = i;
        pairs[i].period_ns = period_us * 1000;
        pairs[i].end_ns = now_ns() + seconds * 1e9;
        start_pair(&pairs[i]);
    }
    for (int i = 0; i < cpus; i++) {
        pthread_join(pairs[i].sender, NULL);
        pthread_join(pairs[i].receiver, NULL);
        periods += pairs[i].periods;
    }
    printf("lab-load: %" G_GUINT64_FORMAT " periods on %d CPUs\n", periods,
           cpus);
    return 0;
}
