/*
 * Raising an error as a return expression: return trace_throw(error, ...);
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TRACE_ERROR_H
#define TRACE_ERROR_H

#include <glib.h>
#include <stdbool.h>

/*
 * The messages are for people; the codes are for callers that act on them.
 */
typedef enum TraceError {
    TRACE_ERROR_FAILED,
    TRACE_ERROR_BUSY, /* another recorder has what is needed */
} TraceError;

#define TRACE_ERROR (trace_error_quark())
GQuark trace_error_quark(void);

/* Sets @error, code TRACE_ERROR_FAILED; always returns false. */
bool trace_throw(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
