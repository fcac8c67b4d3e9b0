/*
 * SessionError: the error domain of session/.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SESSION_ERROR_H
#define SESSION_ERROR_H

#include <glib.h>

#define SESSION_ERROR session_error_quark()

typedef enum SessionError {
    SESSION_ERROR_FAILED,
    SESSION_ERROR_FORMAT,  /* not a session, or of another version */
    SESSION_ERROR_REFUSED, /* this machine or guest can't be recorded */
} SessionError;

GQuark session_error_quark(void);

#endif
