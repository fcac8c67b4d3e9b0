/*
 * CommandLine: a command's arguments, as people are used to type them.
 *
 * GLib takes the value of a short option only as the next argument.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef COMMAND_LINE_H
#define COMMAND_LINE_H

#include <glib.h>
#include <stdbool.h>

/*
 * g_option_context_parse(), which takes "-N1" for "-N 1", too.  Options are
 * taken out of argv.
 */
bool command_line_parse(GOptionContext *context, int *argc, char **argv,
                        GError **error);

#endif
