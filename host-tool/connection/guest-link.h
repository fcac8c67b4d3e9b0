/*
 * GuestLink: the one interface through which a session reaches a guest,
 * whoever manages that guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GUEST_LINK_H
#define GUEST_LINK_H

#include <glib.h>
#include <json-c/json.h>

#include "connection/guest-event.h"

/* The virtio-serial port through which a guest sends its trace. */
#define GUEST_LINK_TRACE_PORT "org.qemu.trace.0"

typedef struct GuestLink GuestLink;

/*
 * One way to reach a guest.  The functions behave as those below them that
 * bear their names.
 */
typedef struct GuestLinkOps {
    json_object *(*qmp_execute)(GuestLink *link, const char *command,
                                json_object *arguments, unsigned timeout_ms,
                                GError **error);
    json_object *(*agent_execute)(GuestLink *link, const char *command,
                                  json_object *arguments, unsigned timeout_ms,
                                  GError **error);
    gboolean (*check_running)(GuestLink *link, GError **error);
    gboolean (*has_trace)(GuestLink *link, gboolean *has, GError **error);
    gboolean (*plug_trace)(GuestLink *link, GError **error);
    gboolean (*unplug_trace)(GuestLink *link, GError **error);
    int (*open_trace)(GuestLink *link, GError **error);
    int (*event_fd)(GuestLink *link);
    gboolean (*pump)(GuestLink *link, GError **error);
    gboolean (*next_event)(GuestLink *link, GuestEvent *event);
    void (*free)(GuestLink *link);
} GuestLinkOps;

/* An implementation's own struct starts with this one. */
struct GuestLink {
    const GuestLinkOps *ops;
};

/*
 * Run a command of QEMU's monitor, or of the agent in the guest.  arguments
 * is consumed and may be NULL; the "return" member is the caller's.  Errors
 * are ConnectionErrors.
 */
json_object *guest_link_qmp_execute(GuestLink *link, const char *command,
                                    json_object *arguments, unsigned timeout_ms,
                                    GError **error);
json_object *guest_link_agent_execute(GuestLink *link, const char *command,
                                      json_object *arguments,
                                      unsigned timeout_ms, GError **error);

/* An error that says what to do when the guest does not run at present. */
gboolean guest_link_check_running(GuestLink *link, GError **error);

/*
 * Whether the guest was given a trace channel by whoever made it.  Where it
 * was not, it may be given one while it runs, which changes nothing in its
 * configuration, and which must be taken out again.  Taking out what is not
 * there succeeds, so that it may be done after a crash, over a new link.
 */
gboolean guest_link_has_trace(GuestLink *link, gboolean *has, GError **error);
gboolean guest_link_plug_trace(GuestLink *link, GError **error);
gboolean guest_link_unplug_trace(GuestLink *link, GError **error);

/* A non-blocking fd, the caller's, of the trace stream's host end; or -1. */
int guest_link_open_trace(GuestLink *link, GError **error);

/* Readable when guest_link_pump() has something to do. */
int guest_link_event_fd(GuestLink *link);

/* Takes in what has arrived, without waiting; fails when QEMU is gone. */
gboolean guest_link_pump(GuestLink *link, GError **error);

/* The oldest event not yet fetched; FALSE if there is none. */
gboolean guest_link_next_event(GuestLink *link, GuestEvent *event);

void guest_link_free(GuestLink *link);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestLink, guest_link_free)

#endif
