/*
 * SessionDir: the directory of a session, made when its recording begins.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/session-dir.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

#define MAX_SAME_SECOND 10

char *session_dir_make(const char *name, const char *parent, GError **error)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y%m%dT%H%M%SZ");

    for (int i = 1; i <= MAX_SAME_SECOND; i++) {
        g_autofree char *suffix = i > 1 ? g_strdup_printf("-%d", i) : NULL;
        g_autofree char *full = g_strconcat(name, "-", time, suffix, NULL);
        g_autofree char *dir =
            parent ? g_build_filename(parent, full, NULL) : g_strdup(full);

        if (mkdir(dir, 0700) == 0) {
            return g_steal_pointer(&dir);
        }
        if (errno != EEXIST || i == MAX_SAME_SECOND) {
            g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                        "cannot create the directory '%s': %s", dir,
                        g_strerror(errno));
            return NULL;
        }
    }
    return NULL;
}

static void remove_file(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);

    g_unlink(path);
}

void session_dir_remove(const char *dir, const Session *session)
{
    const GPtrArray *machines = session ? session->machines : NULL;

    for (guint i = 0; machines && i < machines->len; i++) {
        remove_file(dir,
                    ((const SessionMachine *)machines->pdata[i])->stream_file);
    }
    remove_file(dir, SESSION_FILE_NAME);
    g_rmdir(dir);
}
