/*
 * Interval: a span of time that somebody had to wait, and why.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef INTERVAL_H
#define INTERVAL_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "explain/breakdown.h"
#include "explain/segment-log.h"

/* What was late. */
typedef enum IntervalKind {
    INTERVAL_TIMER,      /* expiry asked for -> the guest's timer handler */
    INTERVAL_WAKEUP,     /* a guest task's waking -> its running */
    INTERVAL_PREEMPTION, /* a guest task put off its CPU -> on one again */
    INTERVAL_INJECTION,  /* accepted or injected -> the guest's handler */
    INTERVAL_MARKED,     /* what the user marked in the trace */
    INTERVAL_TIMERLAT,   /* what the timerlat tracer measured */
    INTERVAL_OSNOISE,    /* what the osnoise tracer measured */
    INTERVAL_HALT_WAKE,  /* a halted vCPU's thread woken -> in the guest */
    INTERVAL_EXIT,       /* out of the guest -> in it again; not halted */
    INTERVAL_N_KINDS,
} IntervalKind;

/* "timer", "wakeup", ...: the names that rules and JSON use. */
const char *interval_kind_id(IntervalKind kind);

#define FINDING_MAX_SEGMENTS 512

/* One that was kept, with its proof. */
typedef struct Finding {
    IntervalKind kind;
    unsigned vcpu;        /* index into Analysis.vcpus */
    uint64_t start_ticks; /* of the timeline */
    uint64_t end_ticks;
    /* By how much more the guest's own clock went on meanwhile. */
    uint64_t step_ticks;
    uint32_t name;        /* of Names: the task, the mark, the exit's reason */
    unsigned vector;      /* of INTERVAL_INJECTION */
    bool is_recorders;    /* a task of the recording itself waited */
    unsigned n_alike;     /* smaller ones of its kind at the same time */
    Breakdown *breakdown; /* finished; its total is the length */
    GArray *segments;     /* of Segment, in order: the first ones */
} Finding;

/* end - start + step */
uint64_t finding_length_ticks(const Finding *finding);
void finding_free(Finding *finding);

#endif
