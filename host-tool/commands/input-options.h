/*
 * InputOptions: how a command is told what to read, either a session
 * directory or files by hand (-i FILE --ts-offset N ...).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef INPUT_OPTIONS_H
#define INPUT_OPTIONS_H

#include <glib.h>

#include "trace-data/opened-files.h"

typedef struct InputOptions InputOptions;

InputOptions *input_options_new(void);
void input_options_free(InputOptions *options);

/* How many files were named with -i so far. */
guint input_options_n_files(const InputOptions *options);

/* The option group to add as a context's main group; owns nothing. */
GOptionGroup *input_options_group(InputOptions *options);

/*
 * Opens the files of what was named, and looks into none.  operands are the
 * command line's remaining words.  The limits hold for what is read.
 */
gboolean input_options_open(InputOptions *options, char **operands,
                            const Limits *limits, GError **error);
/* What was opened; the options'. */
const OpenedFiles *input_options_files(const InputOptions *options);

/*
 * Reads what was opened: an array of TimelineInput.  Sentences about missing
 * parts go to stderr.  In a confined process, as guests wrote it.
 */
GPtrArray *input_options_read(InputOptions *options, GError **error);

/* Prints what was found damaged since the last call, once each. */
void input_options_warn(GPtrArray *inputs);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(InputOptions, input_options_free)

#endif
