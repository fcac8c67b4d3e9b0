/*
 * Making an Analysis, in one walk over a timeline.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAKE_ANALYSIS_H
#define MAKE_ANALYSIS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "explain/analysis.h"
#include "merge/timeline.h"

typedef struct AnalysisOptions {
    /* Findings kept of each kind; 0 for the default. */
    unsigned n_findings;
    /* Takes what the recording itself caused out of every interval. */
    bool subtract_recorder;
    /* Called for every interval, kept or not; the finding is only lent. */
    void (*on_interval)(const Finding *finding, void *data);
    /* Called for every event, in order, at its place on the line. */
    void (*on_event)(const TimelineEvent *event, uint64_t ticks, void *data);
    /*
     * Called for every piece of a vCPU's history that both its host and its
     * guest recorded, each vCPU's in order; some events later than it ended.
     * names are the analysis's.
     */
    void (*on_segment)(unsigned vcpu, const Segment *segment,
                       const Names *names, void *data);
    void *data;
} AnalysisOptions;

/*
 * inputs: of TimelineInput, as certificate_make() takes them; options may be
 * NULL.  Caller frees.
 */
Analysis *analysis_make(GPtrArray *inputs, const AnalysisOptions *options);

#endif
