/*
 * GuestCommand: the command that a recording runs in its (first) guest, and
 * that ends it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GUEST_COMMAND_H
#define GUEST_COMMAND_H

#include <glib.h>

#include "connection/agent.h"
#include "session/guest-recording.h"

/* All 0 while there is none. */
typedef struct GuestCommand {
    GuestRecording *guest; /* the caller's; NULL: no command was begun */
    gint64 next_look_us;   /* g_get_monotonic_time() */
    gint64 pause_us;       /* between looks */
    gboolean has_ended;    /* process tells how */
    AgentProcess process;
} GuestCommand;

/* Whether the guest's agent lets commands run. */
gboolean guest_command_check(const GuestRecording *guest, GError **error);

gboolean guest_command_start(GuestCommand *command, GuestRecording *guest,
                             const char *const *argv, GError **error);

/* Whether there is one that has not ended, as far as is known. */
gboolean guest_command_runs(const GuestCommand *command);

/*
 * Looks whether it has ended if it is time to; FALSE if so, or if the guest
 * can't tell.
 */
gboolean guest_command_look(GuestCommand *command, GError **error);

/*
 * Ends one that still runs, as nobody waits for it any more; what it says to
 * that is in process.
 */
void guest_command_end(GuestCommand *command, GError **error);

#endif
