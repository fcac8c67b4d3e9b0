/*
 * GuestTrace: starting and stopping the recorder in a guest, through the
 * agent's own guest-trace commands or, where it doesn't know them, by running
 * qga-trace with guest-exec.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GUEST_TRACE_H
#define GUEST_TRACE_H

#include <glib.h>
#include <stdint.h>

#include "connection/agent.h"

/* As in qapi/guest-trace.json; arrays end with NULL or are NULL. */
typedef struct GuestTraceOptions {
    char **events;
    char **filters;
    const char *tracer;
    char **functions;
    uint32_t buffer_kib; /* for each CPU; 0: qga-trace's default */
} GuestTraceOptions;

typedef enum GuestTraceState {
    GUEST_TRACE_IDLE,
    GUEST_TRACE_RECORDING,
    GUEST_TRACE_STOPPING,
    GUEST_TRACE_FINISHED,
    GUEST_TRACE_FAILED,
} GuestTraceState;

typedef struct GuestTraceStatus {
    GuestTraceState state;
    uint64_t bytes_sent; /* by the guest's word */
    char *failure;       /* why it failed, printable; NULL if it didn't */
} GuestTraceStatus;

/* An error that says what to change, if neither way is open. */
gboolean guest_trace_check(const Agent *agent, GError **error);

/* Returns when events are being recorded. */
gboolean guest_trace_start(Agent *agent, const GuestTraceOptions *options,
                           GError **error);

/*
 * Ends the recording and waits up to timeout_s for what is left to be sent;
 * after that status->state is STOPPING.
 */
gboolean guest_trace_stop(Agent *agent, unsigned timeout_s,
                          GuestTraceStatus *status, GError **error);

gboolean guest_trace_status(Agent *agent, GuestTraceStatus *status,
                            GError **error);

void guest_trace_status_clear(GuestTraceStatus *status);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GuestTraceStatus, guest_trace_status_clear)

#endif
