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

/* The recorder in a guest; all borrowed. */
typedef struct GuestTracer {
    Agent *agent;
    const char *program;     /* a path in the guest; NULL: as it is installed */
    const char *output_file; /* in the guest; NULL: the trace channel */
} GuestTracer;

/* An error that says what to change, if neither way is open. */
gboolean guest_trace_check(const GuestTracer *tracer, GError **error);

/* Whether the program in the guest can be run, and is one of ours. */
gboolean guest_trace_try_program(const GuestTracer *tracer, GError **error);

/* Returns when events are being recorded. */
gboolean guest_trace_start(const GuestTracer *tracer,
                           const GuestTraceOptions *options, GError **error);

/*
 * Ends the recording and waits up to timeout_s for what is left to be sent;
 * after that status->state is STOPPING.
 */
gboolean guest_trace_stop(const GuestTracer *tracer, unsigned timeout_s,
                          GuestTraceStatus *status, GError **error);

gboolean guest_trace_status(const GuestTracer *tracer, GuestTraceStatus *status,
                            GError **error);

/*
 * Removes what the program keeps in the guest for its next run.  FALSE when it
 * still records, or the agent could not be reached; one that can't be run has
 * kept nothing.
 */
gboolean guest_trace_forget(const GuestTracer *tracer, GError **error);

void guest_trace_status_clear(GuestTraceStatus *status);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GuestTraceStatus, guest_trace_status_clear)

#endif
