/*
 * session.json, as anybody may have written it; what is taken is written and
 * taken again.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <glib/gstdio.h>

#include "fuzz-file.h"
#include "session/session-certificate.h"
#include "session/session-file.h"

static const char *session_dir(void)
{
    static char *dir;

    if (!dir) {
        dir = g_dir_make_tmp("fuzz-session-XXXXXX", NULL);
        g_assert_nonnull(dir);
    }
    return dir;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    g_autoptr(Session) session =
        session_parse((const char *)bytes, size, "a file", NULL);

    if (session) {
        g_autoptr(Session) again = NULL;
        g_autofree char *text = session_certificate_text(session);
        g_autofree char *file =
            g_build_filename(session_dir(), SESSION_FILE_NAME, NULL);

        g_assert_true(session_save(session, session_dir(), NULL));
        again = session_load(session_dir(), NULL);
        g_assert_nonnull(again);
        g_assert_cmpuint(again->machines->len, ==, session->machines->len);
        g_unlink(file);
    }
    return 0;
}
