/*
 * Rule: a verdict over an analysis, as CI wants it.
 *
 *   METRIC[(FILTER=VALUE,...)][.STATISTIC] OPERATOR NUMBER[UNIT]
 *
 * such as "wakeup.p99.99 <= 50us" and "exits(vcpu=2) == 0".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RULE_H
#define RULE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "explain/analysis.h"

typedef struct Rule Rule;

/* The error says what is not understood, and what could be. */
Rule *rule_parse(const char *text, GError **error);
void rule_free(Rule *rule);

typedef struct RuleResult {
    const char *rule; /* as it was given */
    bool passed;
    bool is_time;  /* value and limit are nanoseconds, else counts */
    bool measured; /* false: there was nothing to judge, and it fails */
    double value;
    double limit;
    uint64_t n_values; /* of times: how many were seen */
    char *sentence;    /* "wakeup.p99.99 is 38.2 us" */
} RuleResult;

/* rule must outlive the result. */
RuleResult *rule_judge(const Rule *rule, const Analysis *analysis);
void rule_result_free(RuleResult *result);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rule, rule_free)

#endif
