/*
 * The GError domain of session/.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/session-error.h"

G_DEFINE_QUARK(session - error - quark, session_error)
