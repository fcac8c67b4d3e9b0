/*
 * VcpuStats: what one vCPU's recording adds up to.
 *
 * Durations are in ticks of the timeline.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STATISTICS_H
#define STATISTICS_H

#include <glib.h>
#include <stdint.h>

#include "explain/cause.h"
#include "explain/histogram.h"

/* Of one exit reason, or of one interrupt vector. */
typedef struct KeyedHistogram {
    uint32_t key;  /* exit_reason_make()'s number; the vector */
    uint32_t name; /* of Names: the vector's handler; else NAME_OTHERS */
    Histogram times;
} KeyedHistogram;

/* What a guest's kernel calls hardware noise. */
typedef struct HardwareNoise {
    uint64_t n_samples;
    uint64_t total_ticks;
    uint64_t host_ticks; /* the host explains it */
    uint64_t left_ticks; /* the vCPU was in guest mode */
    uint64_t unknown_ticks;
} HardwareNoise;

typedef struct VcpuStats {
    char *machine; /* the guest's label */
    unsigned cpu;  /* the guest kernel's number */
    int32_t thread_id;
    uint64_t by_kind[CAUSE_N_KINDS]; /* ticks, the whole recording's */
    GArray *exits;                   /* of KeyedHistogram, by reason */
    GArray *injections;              /* of KeyedHistogram, by vector */
    Histogram timers;
    Histogram wakeups;
    Histogram preemptions; /* of guest tasks, by guest tasks */
    Histogram halt_wakes;
    Histogram steals; /* each time runnable without running */
    HardwareNoise noise;
    uint64_t n_recorder_exits; /* while the guest ran the recorder */
    uint64_t recorder_ticks;   /* flagged as the recorder's, exits and all */
} VcpuStats;

VcpuStats *vcpu_stats_new(const char *machine, unsigned cpu, int32_t thread_id);
void vcpu_stats_free(VcpuStats *stats);

/* The histogram of a key, which is made when it isn't there. */
Histogram *keyed_histogram(GArray *array, uint32_t key, uint32_t name);

#endif
