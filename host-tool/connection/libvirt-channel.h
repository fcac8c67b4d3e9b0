/*
 * LibvirtChannel: the trace channel of a domain, and who may plug it in.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LIBVIRT_CHANNEL_H
#define LIBVIRT_CHANNEL_H

#include <glib.h>
#include <libvirt/libvirt.h>

/*
 * Of a channel that we plug in.  libvirt demands the prefix "ua-"
 * (virDomainDefPostParseDeviceAlias).
 */
#define LIBVIRT_CHANNEL_ALIAS "ua-qemu-trace-merge"

typedef struct LibvirtChannel {
    virDomainPtr domain; /* the caller's, as is the name */
    const char *name;
    int lock_fd; /* held while the channel is ours; -1: not */
} LibvirtChannel;

/* As those of GuestLinkOps. */
gboolean libvirt_channel_exists(const LibvirtChannel *self, gboolean *exists,
                                GError **error);
gboolean libvirt_channel_plug(LibvirtChannel *self, GError **error);
gboolean libvirt_channel_unplug(LibvirtChannel *self, GError **error);
int libvirt_channel_open(const LibvirtChannel *self, GError **error);

/* Lets go of the lock. */
void libvirt_channel_clear(LibvirtChannel *self);

#endif
