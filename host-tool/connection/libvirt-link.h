/*
 * LibvirtLink: the GuestLink of a domain that libvirt manages.
 *
 * Its QMP commands go through libvirt's monitor, its agent commands through
 * libvirt's agent call.  All of libvirt is in libvirt-*.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LIBVIRT_LINK_H
#define LIBVIRT_LINK_H

#include "connection/guest-link.h"

/* uri NULL: libvirt's default.  The domain must run on this machine. */
GuestLink *libvirt_link_open(const char *uri, const char *domain,
                             GError **error);

#endif
