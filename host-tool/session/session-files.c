/*
 * SessionFiles: all that belongs to a session, opened without a look into it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/session-files.h"

#include "session/session-file.h"

static void open_dir(OpenedFiles *files, const char *dir, unsigned depth);

static void open_entry(OpenedFiles *files, const char *dir, const char *name,
                       unsigned depth)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree char *inner = g_build_filename(path, SESSION_FILE_NAME, NULL);

    if (opened_files_count(files) >= SESSION_MAX_FILES) {
        return;
    }
    if (g_str_has_suffix(name, ".dat")) {
        opened_files_add(files, path);
    } else if (depth < SESSION_MAX_DEPTH &&
               g_file_test(inner, G_FILE_TEST_EXISTS)) {
        open_dir(files, path, depth + 1);
    }
}

static void open_dir(OpenedFiles *files, const char *dir, unsigned depth)
{
    g_autofree char *session = g_build_filename(dir, SESSION_FILE_NAME, NULL);
    g_autoptr(GDir) entries = g_dir_open(dir, 0, NULL);
    const char *name;

    opened_files_add(files, session);
    while (entries && (name = g_dir_read_name(entries))) {
        if (session_name_is_valid(name)) {
            open_entry(files, dir, name, depth);
        }
    }
}

void session_files_open(OpenedFiles *files, const char *dir)
{
    open_dir(files, dir, 0);
}
