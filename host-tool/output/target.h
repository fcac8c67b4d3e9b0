/*
 * OutputTarget: where an output goes, complete or not at all.
 *
 * A file has no name while it is being written, so whatever kills the writer
 * leaves nothing; a directory has a hidden one.  Both get their names at the
 * end.  What isn't a plain file (a pipe, a device) is written to directly.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef OUTPUT_TARGET_H
#define OUTPUT_TARGET_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct OutputTarget OutputTarget;

/* Of a directory; a format makes one for each CPU of each machine. */
#define OUTPUT_TARGET_MAX_FILES 65536

/* path NULL: standard output. */
OutputTarget *output_target_file(const char *path, GError **error);
/* Nothing, or an empty directory, may exist under this name. */
OutputTarget *output_target_directory(const char *path, GError **error);
/* Without output_target_finish() all that was written is removed. */
void output_target_free(OutputTarget *target);

/* For errors: the path, or "standard output". */
const char *output_target_name(const OutputTarget *target);
/* The target's own; NULL of a directory. */
FILE *output_target_stream(OutputTarget *target);
/*
 * Of a directory: OutputFiles.create(), with the target for its data.  What
 * the name is made of is checked here once more, and how many there are.
 */
int output_target_create(const char *name, gpointer target);

/* Of a directory: how much its files hold by now. */
uint64_t output_target_bytes(const OutputTarget *target);

/* Writes what the stream still holds; of a directory there is nothing. */
bool output_target_flush(OutputTarget *target, GError **error);
/* The descriptor of the target's stream, or -1. */
int output_target_fd(const OutputTarget *target);

/* Writes the rest and gives it its name; nothing may be written after. */
bool output_target_finish(OutputTarget *target, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(OutputTarget, output_target_free)

#endif
