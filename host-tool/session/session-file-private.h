/*
 * Session: what saving and loading have in common.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SESSION_FILE_PRIVATE_H
#define SESSION_FILE_PRIVATE_H

#include "session/session-file.h"

#define SESSION_N_STATES (SESSION_COMPLETE + 1)
#define SESSION_N_ROLES  (SESSION_GUEST + 1)
#define SESSION_N_CAUSES (TRACE_FREEZE_MARKER + 1)
#define SESSION_MAX_NAME 100

/* As session.json has them, by number. */
extern const char *const session_state_names[SESSION_N_STATES];
extern const char *const session_role_names[SESSION_N_ROLES];
extern const char *const session_cause_names[SESSION_N_CAUSES];

/* "cannot WHAT 'PATH'" and why, by errno; always FALSE. */
gboolean session_throw_errno(GError **error, const char *what,
                             const char *path);

#endif
