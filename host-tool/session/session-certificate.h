/*
 * SessionCertificate: a recording's proof of synchronisation, for its
 * session.json.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SESSION_CERTIFICATE_H
#define SESSION_CERTIFICATE_H

#include <glib.h>

#include "limits/limits.h"
#include "session/session-file.h"

/*
 * Fills session->certificate from the .dat files in dir, which are read in a
 * confined process.  Fails when one can't be opened or that process came to
 * grief; then there is none.
 */
gboolean session_certificate_make(Session *session, const char *dir,
                                  const Limits *limits, GError **error);

/*
 * "Synchronisation: proved: ..." in one sentence; NULL where the session has
 * no certificate.  Caller frees.
 */
char *session_certificate_text(const Session *session);

#endif
