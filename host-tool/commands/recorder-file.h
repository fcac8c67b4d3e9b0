/*
 * RecorderFile: where the qga-trace is that can be copied into guests.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RECORDER_FILE_H
#define RECORDER_FILE_H

#include <glib.h>

/*
 * The path, the caller's: beside this program as it was installed or built.
 */
char *recorder_file_find(GError **error);

#endif
