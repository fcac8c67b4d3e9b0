/*
 * Analysis: why guests were late.
 *
 * Everything here is data; sentence.h makes words of it.  Times are ticks of
 * the timeline and become nanoseconds by Analysis.scale.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef ANALYSIS_H
#define ANALYSIS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "explain/interval.h"
#include "explain/names.h"
#include "explain/statistics.h"
#include "merge/certificate.h"
#include "merge/timeline.h"

/* How much of all intervals of one kind a cause made up. */
typedef struct CauseTotal {
    IntervalKind kind;
    Cause cause;
    uint64_t ticks;
    uint64_t n_first; /* intervals of which it was the largest part */
} CauseTotal;

/* A task and its wake-up latencies, or its CPU time. */
typedef struct TaskStats {
    const char *machine;
    uint32_t name;
    Histogram wakeups;
    uint64_t took_ticks; /* host: of vCPUs' time while they were runnable */
    uint64_t ran_ticks;  /* recorder's tasks: CPU time */
} TaskStats;

typedef struct Analysis {
    Names *names;
    TimelineScale scale;      /* without its offset: for durations */
    TimelineScale line_scale; /* for times, as the timeline prints them */
    GPtrArray *vcpus;         /* of VcpuStats */
    GPtrArray *findings;      /* of Finding: all kinds', largest first */
    GPtrArray *recorders;     /* of Finding: the recorder's own, likewise */
    GArray *cause_totals;     /* of CauseTotal, largest first */
    GArray *tasks;            /* of TaskStats, those with something to tell */
    Certificate *certificate;
    uint64_t n_events;
    uint64_t n_lost; /* events known to be lost */
    bool has_lost;   /* some were lost, perhaps of unknown number */
    /* Of CPUs of whose clock nothing is known: they are left out of all. */
    uint64_t n_unplaced;
    uint64_t n_intervals[INTERVAL_N_KINDS];
    uint64_t first_ticks; /* of the first and the last event */
    uint64_t last_ticks;
    uint64_t joint_ticks; /* the longest that a guest recorded, too */
} Analysis;

/* An empty one; make-analysis.h fills it. */
Analysis *analysis_new(void);
void analysis_free(Analysis *analysis);

/* Nanoseconds of a span; ticks where the scale is unknown. */
uint64_t analysis_span(const Analysis *analysis, uint64_t ticks);

/*
 * Findings that overlap are one spike: those that stand for the others come
 * first to last, largest first, as indices into findings; of_group[i] is the
 * group's number of findings[i].  Caller unrefs.
 */
typedef struct FindingGroups {
    GArray *heads;   /* of guint */
    guint *of_group; /* n findings */
} FindingGroups;
FindingGroups *finding_groups_new(const GPtrArray *findings);
void finding_groups_free(FindingGroups *groups);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Analysis, analysis_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FindingGroups, finding_groups_free)

#endif
