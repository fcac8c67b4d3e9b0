/*
 * Calls through a link's operations.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/guest-link.h"

json_object *guest_link_qmp_execute(GuestLink *link, const char *command,
                                    json_object *arguments, unsigned timeout_ms,
                                    GError **error)
{
    return link->ops->qmp_execute(link, command, arguments, timeout_ms, error);
}

json_object *guest_link_agent_execute(GuestLink *link, const char *command,
                                      json_object *arguments,
                                      unsigned timeout_ms, GError **error)
{
    return link->ops->agent_execute(link, command, arguments, timeout_ms,
                                    error);
}

gboolean guest_link_check_running(GuestLink *link, GError **error)
{
    return link->ops->check_running(link, error);
}

gboolean guest_link_has_trace(GuestLink *link, gboolean *has, GError **error)
{
    return link->ops->has_trace(link, has, error);
}

gboolean guest_link_plug_trace(GuestLink *link, GError **error)
{
    return link->ops->plug_trace(link, error);
}

gboolean guest_link_unplug_trace(GuestLink *link, GError **error)
{
    return link->ops->unplug_trace(link, error);
}

int guest_link_open_trace(GuestLink *link, GError **error)
{
    return link->ops->open_trace(link, error);
}

int guest_link_event_fd(GuestLink *link)
{
    return link->ops->event_fd(link);
}

gboolean guest_link_pump(GuestLink *link, GError **error)
{
    return link->ops->pump(link, error);
}

gboolean guest_link_next_event(GuestLink *link, GuestEvent *event)
{
    return link->ops->next_event(link, event);
}

void guest_link_free(GuestLink *link)
{
    if (link) {
        link->ops->free(link);
    }
}
