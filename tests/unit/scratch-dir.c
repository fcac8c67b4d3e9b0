/*
 * A directory for one test.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "scratch-dir.h"

#include <ftw.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>

char *scratch_dir_new(void)
{
    g_autoptr(GError) error = NULL;
    char *dir = g_dir_make_tmp("test-XXXXXX", &error);

    g_assert_no_error(error);
    return dir;
}

static int remove_one(const char *path, const struct stat *info G_GNUC_UNUSED,
                      int type G_GNUC_UNUSED, struct FTW *where G_GNUC_UNUSED)
{
    return remove(path);
}

void scratch_dir_remove(char *dir)
{
    g_assert_cmpint(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), ==, 0);
    g_free(dir);
}

void scratch_dir_write(const char *dir, const char *file, const char *text)
{
    g_autofree char *path = g_build_filename(dir, file, NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir_with_parents(parent, 0700), ==, 0);
    g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
}
