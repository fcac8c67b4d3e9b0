/*
 * GuestLeavings: what a recording has put into a guest, and must take out
 * again whatever happens.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GUEST_LEAVINGS_H
#define GUEST_LEAVINGS_H

#include <glib.h>
#include <stdint.h>

#include "connection/agent.h"
#include "connection/guest-address.h"

typedef struct GuestLeavings {
    gboolean is_plugged; /* a trace channel */
    char *program_file;  /* the recorder that was copied there; or NULL */
    char *stream_file;   /* where it records to; NULL: the trace channel */
    int64_t command_pid; /* the command that it runs; 0: none */
} GuestLeavings;

gboolean guest_leavings_exist(const GuestLeavings *leavings);
void guest_leavings_clear(GuestLeavings *leavings);

/*
 * Takes out what there is, over a link that works; agent may be NULL.  What
 * is out is no longer in leavings.  The first error is reported, the rest is
 * done nevertheless.
 */
gboolean guest_leavings_remove(GuestLeavings *leavings, GuestLink *link,
                               Agent *agent, GError **error);

/*
 * The same over a new link, for when nobody knows what state the guest is in:
 * a recorder or command that still runs is ended first.  Tries for some
 * seconds, as who manages the guest may be on its way up again.
 */
gboolean guest_leavings_remove_anew(GuestLeavings *leavings,
                                    const GuestAddress *address,
                                    GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GuestLeavings, guest_leavings_clear)

#endif
