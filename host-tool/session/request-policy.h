/*
 * RequestPolicy: whether a guest that asks for a recording gets it.
 *
 * Pure: no I/O.  The request is hostile; the policy is the operator's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef REQUEST_POLICY_H
#define REQUEST_POLICY_H

#include <glib.h>
#include <stdint.h>

#include "qga/trace-control.h"

/* What a guest that names no events of the host asks for. */
#define REQUEST_DEFAULT_EVENTS "default"

typedef struct RequestPolicy {
    /* Events of the host, as "default", "SYSTEM", "SYSTEM:EVENT" or with
     * globs; NULL or empty: no request is granted.  The caller's. */
    char **allowed;
    uint32_t max_duration_ms;
    uint64_t max_total_bytes; /* of all recordings that are kept */
    guint max_per_hour;
} RequestPolicy;

/* What was granted lately. */
typedef struct RequestHistory {
    GArray *times_us; /* of gint64, ascending */
} RequestHistory;

void request_history_init(RequestHistory *history);
void request_history_clear(RequestHistory *history);
void request_history_add(RequestHistory *history, gint64 now_us);

/*
 * NULL if the request is granted, or else why not: one sentence for the guest
 * and for the log; the caller's.  kept_bytes: of the recordings that are there
 * already; now_us: a monotonic clock.
 */
char *request_policy_refuse(const RequestPolicy *policy,
                            const RequestHistory *history,
                            const TraceControl *request, uint64_t kept_bytes,
                            gint64 now_us);

/* How long a granted recording may take. */
uint32_t request_policy_duration_ms(const RequestPolicy *policy,
                                    const TraceControl *request);

/* The host's events that are asked for; NULL: its default set. */
char **request_policy_events(const TraceControl *request);

#endif
