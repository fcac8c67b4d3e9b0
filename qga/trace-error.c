/*
 * Raising an error as a return expression.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-error.h"

GQuark trace_error_quark(void)
{
    return g_quark_from_static_string("trace-error-quark");
}

bool trace_throw(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (error) {
        *error =
            g_error_new_valist(TRACE_ERROR, TRACE_ERROR_FAILED, format, args);
    }
    va_end(args);
    return false;
}
