/*
 * InferOffset: a guest's TSC offset from its vCPUs' windows alone.
 *
 * Every guest event lies between a kvm_entry and the next kvm_exit of its own
 * vCPU (certificate.h).  So each event leaves only those offsets that put it
 * into some window; what all events leave together is the answer, and how
 * much that is tells how sure it is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef INFER_OFFSET_H
#define INFER_OFFSET_H

#include <glib.h>
#include <stdint.h>

#include "merge/timeline.h"

typedef enum InferOutcome {
    INFER_FOUND,     /* one interval is left */
    INFER_AMBIGUOUS, /* several: too few events or exits to tell */
    INFER_NONE,    /* none: the clock changed, or these don't belong together */
    INFER_NO_DATA, /* no windows or no guest events; or a scaled TSC */
} InferOutcome;

/* guest = host + offset, offset in [low, high]. */
typedef struct InferredOffset {
    InferOutcome outcome;
    int64_t low_ticks;
    int64_t high_ticks;
    uint64_t range_ticks; /* that was searched */
    uint64_t left_ticks;  /* of it, all intervals that are left */
    guint n_intervals;
    uint64_t n_windows;
    uint64_t n_events; /* that were used */
} InferredOffset;

/* host's events are read once, guest's once.  guest needs vcpu_threads. */
InferredOffset infer_offset(const TimelineInput *host,
                            const TimelineInput *guest);

/*
 * Gives every CPU of the guest the middle of what was found as its clock, with
 * the rest as its error.  Only of INFER_FOUND.
 */
void infer_offset_apply(const InferredOffset *inferred, TimelineInput *guest);

/* What was found, in a sentence without the guest's name.  Caller frees. */
char *infer_offset_text(const InferredOffset *inferred,
                        const TimelineScale *scale);

#endif
