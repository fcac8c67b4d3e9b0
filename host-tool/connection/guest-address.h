/*
 * GuestAddress: how a guest is reached, before anything is connected.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GUEST_ADDRESS_H
#define GUEST_ADDRESS_H

#include "connection/guest-link.h"

/*
 * Either a domain of libvirt, or a QEMU that was started by hand with its
 * channels on local sockets.
 */
typedef struct GuestAddress {
    char *name;   /* in the recording */
    char *domain; /* NULL: sockets */
    char *uri;    /* of the domain's libvirt; NULL: its default */
    char *qmp_path;
    char *agent_path;
    char *trace_path; /* NULL: the channel is plugged in for the recording */
} GuestAddress;

GuestAddress *guest_address_new(void);
GuestAddress *guest_address_copy(const GuestAddress *address);
void guest_address_free(GuestAddress *address);

/* Connects to the guest's QEMU and agent. */
GuestLink *guest_address_open(const GuestAddress *address, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestAddress, guest_address_free)

#endif
