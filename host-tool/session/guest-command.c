/*
 * GuestCommand: the command that a recording runs in its (first) guest, and
 * that ends it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/guest-command.h"

/* Each look is work for the guest that is being traced, so there are few. */
#define FIRST_PAUSE_US (100 * 1000)
#define LAST_PAUSE_US  (500 * 1000)

gboolean guest_command_check(const GuestRecording *guest, GError **error)
{
    return agent_require_command(guest->agent, "guest-exec", error) &&
           agent_require_command(guest->agent, "guest-exec-status", error);
}

gboolean guest_command_start(GuestCommand *command, GuestRecording *guest,
                             const char *const *argv, GError **error)
{
    if (!guest_recording_run(guest, argv, error)) {
        return FALSE;
    }
    command->guest = guest;
    command->pause_us = FIRST_PAUSE_US;
    command->next_look_us = g_get_monotonic_time() + FIRST_PAUSE_US;
    return TRUE;
}

gboolean guest_command_runs(const GuestCommand *command)
{
    return command->guest && !command->has_ended;
}

gboolean guest_command_look(GuestCommand *command, GError **error)
{
    if (!command->guest || g_get_monotonic_time() < command->next_look_us ||
        command->guest->condition != GUEST_RUNNING) {
        return TRUE;
    }
    if (!guest_recording_look_at_command(command->guest, &command->process,
                                         error)) {
        return FALSE;
    }
    command->has_ended = command->process.exited;
    command->pause_us = MIN(command->pause_us * 3 / 2, LAST_PAUSE_US);
    command->next_look_us = g_get_monotonic_time() + command->pause_us;
    return !command->has_ended;
}

void guest_command_end(GuestCommand *command, GError **error)
{
    if (!guest_command_runs(command) ||
        command->guest->condition != GUEST_RUNNING) {
        return;
    }
    agent_process_clear(&command->process);
    command->has_ended =
        guest_recording_end_command(command->guest, &command->process, error);
}
