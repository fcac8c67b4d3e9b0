/*
 * The names that QMP gives to what a guest goes through.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/guest-event.h"

gboolean guest_event_kind_parse(const char *name, GuestEventKind *kind)
{
    static const struct {
        const char *name;
        GuestEventKind kind;
    } known[] = {
        {"STOP", GUEST_EVENT_STOP},
        {"RESUME", GUEST_EVENT_RESUME},
        {"RESET", GUEST_EVENT_RESET},
        {"SHUTDOWN", GUEST_EVENT_SHUTDOWN},
        {"GUEST_PANICKED", GUEST_EVENT_PANIC},
        {"DEVICE_DELETED", GUEST_EVENT_UNPLUG},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (g_str_equal(name, known[i].name)) {
            *kind = known[i].kind;
            return TRUE;
        }
    }
    return FALSE;
}
