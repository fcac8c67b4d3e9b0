/*
 * qom-list and qom-get (qapi/qom.json in QEMU's source); devices with an id
 * and those without are children of two containers (qdev_set_id() in
 * system/qdev-monitor.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/trace-port.h"

#include "connection/json-read.h"

#define TIMEOUT_MS  2000
#define MAX_NAME    256
#define MAX_DEVICES 4096

typedef enum PortPresence {
    PORT_ABSENT,
    PORT_PRESENT,
    PORT_UNKNOWN,
} PortPresence;

static json_object *path_argument(const char *path)
{
    json_object *arguments = json_object_new_object();

    json_object_object_add(arguments, "path", json_object_new_string(path));
    return arguments;
}

static PortPresence look_at_device(GuestLink *link, const char *container,
                                   json_object *device)
{
    const char *type = json_read_string(device, "type", MAX_NAME);
    const char *child = json_read_string(device, "name", MAX_NAME);
    g_autoptr(json_object) name = NULL;
    g_autofree char *path = NULL;
    json_object *arguments;

    if (!child || (g_strcmp0(type, "child<virtserialport>") != 0 &&
                   g_strcmp0(type, "child<virtconsole>") != 0)) {
        return PORT_ABSENT;
    }
    path = g_strdup_printf("%s/%s", container, child);
    arguments = path_argument(path);
    json_object_object_add(arguments, "property",
                           json_object_new_string("name"));
    name = guest_link_qmp_execute(link, "qom-get", arguments, TIMEOUT_MS, NULL);
    if (!json_object_is_type(name, json_type_string)) {
        return PORT_UNKNOWN;
    }
    return g_str_equal(json_object_get_string(name), GUEST_LINK_TRACE_PORT)
               ? PORT_PRESENT
               : PORT_ABSENT;
}

static PortPresence look_in(GuestLink *link, const char *container)
{
    g_autoptr(json_object) devices =
        guest_link_qmp_execute(link, "qom-list", path_argument(container),
                               TIMEOUT_MS, NULL);
    PortPresence presence = PORT_ABSENT;
    size_t n;

    if (!json_object_is_type(devices, json_type_array)) {
        return PORT_UNKNOWN;
    }
    n = json_object_array_length(devices);
    for (size_t i = 0; i < n && presence == PORT_ABSENT; i++) {
        presence = i < MAX_DEVICES
                       ? look_at_device(link, container,
                                        json_object_array_get_idx(devices, i))
                       : PORT_UNKNOWN;
    }
    return presence;
}

gboolean trace_port_is_gone(GuestLink *link)
{
    return look_in(link, "/machine/peripheral") == PORT_ABSENT &&
           look_in(link, "/machine/peripheral-anon") == PORT_ABSENT;
}
