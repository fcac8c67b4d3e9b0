/*
 * From a guest's address to a link.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/guest-address.h"

#include "connection/connection-error.h"
#include "connection/libvirt-link.h"
#include "connection/socket-link.h"

GuestAddress *guest_address_new(void)
{
    return g_new0(GuestAddress, 1);
}

GuestAddress *guest_address_copy(const GuestAddress *address)
{
    GuestAddress *copy = guest_address_new();

    copy->name = g_strdup(address->name);
    copy->domain = g_strdup(address->domain);
    copy->uri = g_strdup(address->uri);
    copy->qmp_path = g_strdup(address->qmp_path);
    copy->agent_path = g_strdup(address->agent_path);
    copy->trace_path = g_strdup(address->trace_path);
    return copy;
}

void guest_address_free(GuestAddress *address)
{
    if (address) {
        g_free(address->name);
        g_free(address->domain);
        g_free(address->uri);
        g_free(address->qmp_path);
        g_free(address->agent_path);
        g_free(address->trace_path);
        g_free(address);
    }
}

#ifndef HAVE_LIBVIRT
GuestLink *libvirt_link_open(G_GNUC_UNUSED const char *uri, const char *domain,
                             GError **error)
{
    g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_CONNECT,
                "cannot reach domain '%s': this program was built without "
                "libvirt; name the sockets of its QEMU instead",
                domain);
    return NULL;
}
#endif

GuestLink *guest_address_open(const GuestAddress *address, GError **error)
{
    SocketLinkPaths paths = {
        .qmp = address->qmp_path,
        .agent = address->agent_path,
        .trace = address->trace_path,
    };

    return address->domain
               ? libvirt_link_open(address->uri, address->domain, error)
               : socket_link_open(&paths, error);
}
