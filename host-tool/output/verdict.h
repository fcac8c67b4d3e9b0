/*
 * Verdict: what `check` found, as JSON or JUnit's XML for machines.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VERDICT_H
#define VERDICT_H

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>

#include "explain/analysis.h"
#include "explain/rule.h"

/* results: of RuleResult.  Check stream's errors. */
void verdict_json(const Analysis *analysis, const GPtrArray *results,
                  FILE *stream);
void verdict_junit(const Analysis *analysis, const GPtrArray *results,
                   FILE *stream);

/* A broken certificate passes no rule; an unproved one is told apart. */
typedef enum VerdictStatus {
    VERDICT_OK,
    VERDICT_BROKEN,
    VERDICT_UNPROVED,
} VerdictStatus;
VerdictStatus verdict_certificate(const Analysis *analysis);

#endif
