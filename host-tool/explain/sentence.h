/*
 * Sentence: findings in plain words.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SENTENCE_H
#define SENTENCE_H

#include <glib.h>

#include "explain/analysis.h"

/* "412 us", "59.6 ms", "2.75 s", or "1234 ticks".  Caller frees. */
char *duration_text(const Analysis *analysis, uint64_t ticks);

/* "timer lateness", "wake-up latency", ... */
const char *interval_kind_text(IntervalKind kind);

/* "vm1 vCPU 1".  Caller frees. */
char *vcpu_text(const Analysis *analysis, unsigned vcpu);

/*
 * Who was late by how much and why: "vm1 vCPU 1's timer was 412 us late:
 * 391 us runnable on host CPU 3 behind kworker/3:1; 21 us in exit handling of
 * EPT_VIOLATION".  Caller frees.
 */
char *finding_sentence(const Analysis *analysis, const Finding *finding);

/* What of a recording is the recorder's own doing.  Caller frees. */
char *recorder_sentence(const Analysis *analysis);

/* Whether host and guest lie on one line, in a sentence.  Caller frees. */
char *certificate_sentence(const Analysis *analysis);

#endif
