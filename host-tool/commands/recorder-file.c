/*
 * Finding the static qga-trace.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/recorder-file.h"

#include <gio/gio.h>

#define NAME "qga-trace-static"

char *recorder_file_find(GError **error)
{
    static const char *const places[] = {
        NAME, "../libexec/qemu-trace-merge/" NAME,       /* installed */
        "../lib/qemu-trace-merge/" NAME, "../qga/" NAME, /* built */
    };
    g_autofree char *program = g_file_read_link("/proc/self/exe", error);
    g_autofree char *dir = NULL;

    if (!program) {
        return NULL;
    }
    dir = g_path_get_dirname(program);
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *path = g_build_filename(dir, places[i], NULL);

        if (g_file_test(path, G_FILE_TEST_IS_EXECUTABLE)) {
            return g_canonicalize_filename(path, NULL);
        }
    }
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                "--push-recorder needs the program " NAME
                ", which was not installed with this one; build it with "
                "'meson setup -Dstatic_recorder=enabled'");
    return NULL;
}
