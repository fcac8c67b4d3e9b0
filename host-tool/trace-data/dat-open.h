/*
 * Opening a trace.dat file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DAT_OPEN_H
#define DAT_OPEN_H

#include "trace-data/dat-file.h"
#include "trace-data/opened-files.h"

/* Caller closes; NULL with a sentence that names the path and the damage. */
DatFile *dat_file_open(const char *path, GError **error);
/*
 * The same of a file that is open, for who may open none; fd is taken over,
 * limits are copied.
 */
DatFile *dat_file_open_fd(int fd, const char *path, const Limits *limits,
                          GError **error);
/* The same of one of files, with their limits; files may be NULL. */
DatFile *dat_file_open_from(const OpenedFiles *files, const char *path,
                            GError **error);

#endif
