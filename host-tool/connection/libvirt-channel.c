/*
 * LibvirtChannel: the trace channel of a domain, and who may plug it in.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/libvirt-channel.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "connection/domain-xml.h"
#include "connection/guest-link.h"
#include "connection/libvirt-error.h"
#include "connection/libvirt-loop.h"
#include "connection/unix-connect.h"

#define CHANNEL_XML                                            \
    "<channel type='unix'><source mode='bind'/>"               \
    "<target type='virtio' name='" GUEST_LINK_TRACE_PORT "'/>" \
    "<alias name='" LIBVIRT_CHANNEL_ALIAS "'/></channel>"
#define UNPLUG_US   (10 * G_USEC_PER_SEC)
#define UNPLUG_POLL 50000

static DomainChannel *find_channel(const LibvirtChannel *self, GError **error)
{
    char *xml = virDomainGetXMLDesc(self->domain, 0);
    DomainChannel *channel;

    if (!xml) {
        g_autofree char *message = libvirt_error_message();

        g_set_error(error, CONNECTION_ERROR, libvirt_error_kind(),
                    "libvirt does not describe domain '%s': %s", self->name,
                    message);
        return NULL;
    }
    channel = domain_xml_find_channel(xml, GUEST_LINK_TRACE_PORT, error);
    free(xml);
    return channel;
}

static gboolean is_ours(const DomainChannel *channel)
{
    return g_strcmp0(channel->alias, LIBVIRT_CHANNEL_ALIAS) == 0;
}

gboolean libvirt_channel_exists(const LibvirtChannel *self, gboolean *exists,
                                GError **error)
{
    GError *cause = NULL;
    g_autoptr(DomainChannel) channel = find_channel(self, &cause);

    if (cause) {
        g_propagate_error(error, cause);
        return FALSE;
    }
    *exists = channel && !is_ours(channel);
    return TRUE;
}

/*
 * Whoever plugs the channel in also takes it out, so only one may.  The name
 * is in no file system: nothing of it is left when its owner dies.
 */
static gboolean take_lock(LibvirtChannel *self, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    socklen_t length;

    if (self->lock_fd >= 0) {
        return TRUE;
    }
    virDomainGetUUIDString(self->domain, uuid);
    g_snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
               "qemu-trace-merge/%s", uuid);
    length = offsetof(struct sockaddr_un, sun_path) + 1 +
             strlen(address.sun_path + 1);
    self->lock_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (self->lock_fd >= 0 &&
        bind(self->lock_fd, (struct sockaddr *)&address, length) == 0) {
        return TRUE;
    }
    g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_BUSY,
                errno == EADDRINUSE
                    ? "domain '%s' is being recorded by another "
                      "qemu-trace-merge; wait for its end"
                    : "cannot lock domain '%s' against other recordings",
                self->name);
    if (self->lock_fd >= 0) {
        close(self->lock_fd);
        self->lock_fd = -1;
    }
    return FALSE;
}

gboolean libvirt_channel_plug(LibvirtChannel *self, GError **error)
{
    g_autoptr(DomainChannel) left = NULL;
    GError *cause = NULL;

    if (!take_lock(self, error)) {
        return FALSE;
    }
    left = find_channel(self, &cause);
    if (cause) {
        g_propagate_error(error, cause);
        return FALSE;
    }
    /* One that a killed recording left serves as well. */
    if (left || virDomainAttachDeviceFlags(self->domain, CHANNEL_XML,
                                           VIR_DOMAIN_AFFECT_LIVE) == 0) {
        return TRUE;
    }
    {
        g_autofree char *message = libvirt_error_message();

        g_set_error(error, CONNECTION_ERROR, libvirt_error_kind(),
                    "cannot plug the channel " GUEST_LINK_TRACE_PORT
                    " into domain '%s': %s",
                    self->name, message);
    }
    return FALSE;
}

/* QEMU takes the port out at once, but libvirt hears of it a little later. */
static gboolean await_unplugged(const LibvirtChannel *self)
{
    gint64 end_us = g_get_monotonic_time() + UNPLUG_US;

    for (;;) {
        g_autoptr(GError) error = NULL;
        g_autoptr(DomainChannel) channel = find_channel(self, &error);

        if (!channel || !is_ours(channel)) {
            return error == NULL;
        }
        if (g_get_monotonic_time() > end_us) {
            return FALSE;
        }
        libvirt_loop_run();
        g_usleep(UNPLUG_POLL);
    }
}

gboolean libvirt_channel_unplug(LibvirtChannel *self, GError **error)
{
    GError *cause = NULL;
    g_autofree char *message = NULL;
    g_autoptr(DomainChannel) channel = NULL;

    /* If another recording has it by now, it is not ours any more. */
    if (!take_lock(self, NULL) || virDomainIsActive(self->domain) == 0) {
        return TRUE;
    }
    channel = find_channel(self, &cause);
    if (cause) {
        g_propagate_error(error, cause);
        return FALSE;
    }
    if (!channel || !is_ours(channel)) {
        return TRUE;
    }
    if (virDomainDetachDeviceAlias(self->domain, LIBVIRT_CHANNEL_ALIAS,
                                   VIR_DOMAIN_AFFECT_LIVE) == 0 &&
        await_unplugged(self)) {
        return TRUE;
    }
    message = libvirt_error_message();
    g_set_error(error, CONNECTION_ERROR, libvirt_error_kind(),
                "cannot take the channel " GUEST_LINK_TRACE_PORT
                " out of domain '%s' again (%s); do it with 'virsh "
                "detach-device-alias %s " LIBVIRT_CHANNEL_ALIAS " --live'",
                self->name, message, self->name);
    return FALSE;
}

int libvirt_channel_open(const LibvirtChannel *self, GError **error)
{
    GError *cause = NULL;
    g_autoptr(DomainChannel) channel = find_channel(self, &cause);

    if (cause) {
        g_propagate_error(error, cause);
        return -1;
    }
    if (!channel || g_strcmp0(channel->type, "unix") != 0 || !channel->path) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_CONNECT,
                    "the channel " GUEST_LINK_TRACE_PORT " of domain '%s' %s; "
                    "it needs type='unix' and <source mode='bind'/>",
                    self->name,
                    channel ? "does not lead to a socket of this machine"
                            : "is not there");
        return -1;
    }
    return unix_connect(channel->path, "the trace channel", error);
}

void libvirt_channel_clear(LibvirtChannel *self)
{
    if (self->lock_fd >= 0) {
        close(self->lock_fd);
        self->lock_fd = -1;
    }
}
