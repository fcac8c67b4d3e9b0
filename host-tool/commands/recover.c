/*
 * qemu-trace-merge recover: make a killed recording readable.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "commands/commands.h"

#include <stdio.h>

#include "commands/command-line.h"
#include "commands/limit-options.h"
#include "commands/session-summary.h"
#include "session/session-dats.h"
#include "session/session-file.h"

static gboolean recover(const char *dir, const Limits *limits, GError **error)
{
    g_autoptr(Session) session = session_load(dir, error);

    if (!session) {
        return FALSE;
    }
    if (session->state == SESSION_RECORDING) {
        for (guint i = 0; i < session->machines->len; i++) {
            SessionMachine *machine = session->machines->pdata[i];

            g_ptr_array_add(machine->notes,
                            g_strdup("the recording was killed or could not "
                                     "go on: what QEMU would have said at its "
                                     "end is missing"));
        }
    }
    if (!session_dats_make(session, dir, NULL, limits, error)) {
        return FALSE;
    }
    session_summary_print(session, dir, stderr);
    return TRUE;
}

int cmd_recover(int argc, char **argv)
{
    g_auto(GStrv) dirs = NULL;
    const GOptionEntry entries[] = {
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &dirs, NULL,
         "DIR"},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    LimitOptions limits = limit_options_new(LIMIT_MAKES);

    g_option_context_set_summary(
        context, "Makes the .dat files of a recording that was killed, from "
                 "what it received,\nand says what is missing.");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_add_group(context, limit_options_group(&limits));
    if (!command_line_parse(context, &argc, argv, &error)) {
        return command_fail("recover", error);
    }
    if (limit_options_list(&limits)) {
        return 0;
    }
    if (!dirs || dirs[1]) {
        g_set_error_literal(&error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                            "recover needs one session directory");
        return command_fail("recover", error);
    }
    return recover(dirs[0], &limits.limits, &error)
               ? 0
               : command_fail("recover", error);
}
