/*
 * The commands of qemu-trace-merge, and how each of them ends.
 *
 * A command parses its own argv (argv[0] is its name), prints its own errors
 * and returns the program's exit status.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <glib.h>
#include <stdbool.h>

int cmd_record(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_recover(int argc, char **argv);
int cmd_serve(int argc, char **argv);

/*
 * Prints "qemu-trace-merge NAME: SENTENCE" on stderr, and where an option is
 * unknown, who knows them; returns 1.
 */
int command_fail(const char *name, const GError *error);

/* An option's value is wrong; always false. */
bool command_throw_usage(GError **error, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/*
 * Whether the number given to an option says how many are to be shown, which
 * is 0 to 10000; the error names the option.
 */
bool count_option_check(const char *option, int number, GError **error);

/* Prints each sentence (of char *, may be NULL) as a warning on stderr. */
void command_warn(const GPtrArray *sentences);

#endif
