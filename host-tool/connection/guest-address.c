/*
 * From a guest's address to a link.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/guest-address.h"

#include "connection/socket-link.h"

GuestAddress *guest_address_new(void)
{
    return g_new0(GuestAddress, 1);
}

GuestAddress *guest_address_copy(const GuestAddress *address)
{
    GuestAddress *copy = guest_address_new();

    copy->name = g_strdup(address->name);
    copy->qmp_path = g_strdup(address->qmp_path);
    copy->agent_path = g_strdup(address->agent_path);
    copy->trace_path = g_strdup(address->trace_path);
    return copy;
}

void guest_address_free(GuestAddress *address)
{
    if (address) {
        g_free(address->name);
        g_free(address->qmp_path);
        g_free(address->agent_path);
        g_free(address->trace_path);
        g_free(address);
    }
}

GuestLink *guest_address_open(const GuestAddress *address, GError **error)
{
    SocketLinkPaths paths = {
        .qmp = address->qmp_path,
        .agent = address->agent_path,
        .trace = address->trace_path,
    };

    return socket_link_open(&paths, error);
}
