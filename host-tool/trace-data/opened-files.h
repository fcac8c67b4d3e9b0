/*
 * OpenedFiles: files that were opened beforehand, found by their paths, for a
 * process that may open none.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef OPENED_FILES_H
#define OPENED_FILES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "limits/limits.h"

typedef struct OpenedFiles OpenedFiles;

/* limits are copied: those that hold for what is read of the files. */
OpenedFiles *opened_files_new(const Limits *limits);
/* Closes them. */
void opened_files_free(OpenedFiles *files);

/*
 * Opens a plain file for reading.  Where that fails, the reason is kept for
 * whoever asks for it.
 */
void opened_files_add(OpenedFiles *files, const char *path);

/* How many paths were added, and the bytes of all that are open. */
guint opened_files_count(const OpenedFiles *files);
uint64_t opened_files_bytes(const OpenedFiles *files);
/* Appends their descriptors, which stay the files', to fds (of int). */
void opened_files_append_fds(const OpenedFiles *files, GArray *fds);

/*
 * Of the functions below, files may be NULL: then the limits are the default
 * ones, and the file is opened, or looked for, by its path.
 */
const Limits *opened_files_limits(const OpenedFiles *files);

/*
 * A descriptor of the caller's, to be read with pread(); or -1 with errno,
 * ENOENT for a path that was not added and EISDIR for what is no plain file.
 */
int opened_files_open(const OpenedFiles *files, const char *path);
bool opened_files_has(const OpenedFiles *files, const char *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(OpenedFiles, opened_files_free)

#endif
