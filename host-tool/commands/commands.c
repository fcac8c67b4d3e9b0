/*
 * How the commands of qemu-trace-merge end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/commands.h"

#include <stdio.h>

int command_fail(const char *name, const GError *error)
{
    fprintf(stderr, "qemu-trace-merge %s: %s\n", name, error->message);
    return 1;
}

void command_warn(const GPtrArray *sentences)
{
    for (guint i = 0; sentences && i < sentences->len; i++) {
        fprintf(stderr, "warning: %s\n", (char *)sentences->pdata[i]);
    }
}
