/*
 * How the commands of qemu-trace-merge end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/commands.h"

#include <stdio.h>

/* More than anybody reads, and little enough to keep them all. */
#define MAX_COUNT 10000

int command_fail(const char *name, const GError *error)
{
    fprintf(stderr, "qemu-trace-merge %s: %s", name, error->message);
    if (g_error_matches(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION)) {
        fprintf(stderr, "; 'qemu-trace-merge %s --help' lists the options",
                name);
    }
    fputc('\n', stderr);
    return 1;
}

bool command_throw_usage(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_propagate_error(error, g_error_new_valist(G_OPTION_ERROR,
                                                G_OPTION_ERROR_BAD_VALUE,
                                                format, args));
    va_end(args);
    return false;
}

bool count_option_check(const char *option, int number, GError **error)
{
    if (number >= 0 && number <= MAX_COUNT) {
        return true;
    }
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "%s takes a number from 0 to %d, not %d", option, MAX_COUNT,
                number);
    return false;
}

void command_warn(const GPtrArray *sentences)
{
    for (guint i = 0; sentences && i < sentences->len; i++) {
        fprintf(stderr, "warning: %s\n", (char *)sentences->pdata[i]);
    }
}
