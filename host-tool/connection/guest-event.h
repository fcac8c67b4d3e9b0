/*
 * GuestEvent: something that QEMU said of its own accord.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GUEST_EVENT_H
#define GUEST_EVENT_H

#include <glib.h>
#include <stdint.h>

typedef enum GuestEventKind {
    GUEST_EVENT_STOP,     /* the vCPUs were stopped */
    GUEST_EVENT_RESUME,   /* they run again */
    GUEST_EVENT_RESET,    /* the guest restarted */
    GUEST_EVENT_SHUTDOWN, /* the guest is gone, QEMU will end */
    GUEST_EVENT_PANIC,
    GUEST_EVENT_UNPLUG, /* some device was taken out */
} GuestEventKind;

typedef struct GuestEvent {
    GuestEventKind kind;
    uint64_t host_ticks; /* when it reached us: a little late */
} GuestEvent;

/* The kind of QMP's event of that name; FALSE for those that don't matter. */
gboolean guest_event_kind_parse(const char *name, GuestEventKind *kind);

#endif
