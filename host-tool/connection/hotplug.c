/*
 * chardev-add, device_add and the reverse (qapi/char.json and qapi/qdev.json
 * in QEMU's source).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "connection/hotplug.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection/connection-error.h"
#include "connection/json-read.h"

#define TIMEOUT_MS 10000
#define FD_NAME    "qemu-trace-merge-fd"
#define CHARDEV    "qemu-trace-merge-chardev"
#define PORT       "qemu-trace-merge-port"
#define CONTROLLER "qemu-trace-merge-serial"
/* A PCI device leaves when the guest's kernel has let go of it. */
#define UNPLUG_US   (10 * G_USEC_PER_SEC)
#define UNPLUG_POLL 50000

static gboolean run(Qmp *qmp, const char *command, json_object *arguments,
                    GError **error)
{
    g_autoptr(json_object) answer =
        qmp_execute(qmp, command, arguments, TIMEOUT_MS, error);

    return answer != NULL;
}

/* An object of strings: key, value, ..., NULL. */
G_GNUC_NULL_TERMINATED
static json_object *strings(const char *key, ...)
{
    json_object *object = json_object_new_object();
    va_list args;

    va_start(args, key);
    for (; key; key = va_arg(args, const char *)) {
        json_object_object_add(
            object, key, json_object_new_string(va_arg(args, const char *)));
    }
    va_end(args);
    return object;
}

static gboolean add_chardev(Qmp *qmp, int fd, GError **error)
{
    json_object *arguments = strings("id", CHARDEV, NULL);
    json_object *backend = strings("type", "socket", NULL);
    json_object *data = json_object_new_object();
    json_object *address = strings("type", "fd", NULL);

    if (!qmp_send_fd(qmp, fd, FD_NAME, TIMEOUT_MS, error)) {
        json_object_put(arguments);
        json_object_put(backend);
        json_object_put(data);
        json_object_put(address);
        return FALSE;
    }
    json_object_object_add(address, "data", strings("str", FD_NAME, NULL));
    json_object_object_add(data, "addr", address);
    json_object_object_add(data, "server", json_object_new_boolean(FALSE));
    json_object_object_add(backend, "data", data);
    json_object_object_add(arguments, "backend", backend);
    return run(qmp, "chardev-add", arguments, error);
}

static gboolean add_port(Qmp *qmp, const char *name, const char *bus,
                         GError **error)
{
    json_object *arguments = strings("driver", "virtserialport", "id", PORT,
                                     "chardev", CHARDEV, "name", name, NULL);

    if (bus) {
        json_object_object_add(arguments, "bus", json_object_new_string(bus));
    }
    return run(qmp, "device_add", arguments, error);
}

static gboolean add_devices(Qmp *qmp, const char *name, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (add_port(qmp, name, NULL, &cause)) {
        return TRUE;
    }
    /* "No 'virtio-serial-bus' bus found", or all of its ports are taken. */
    if (!strstr(cause->message, "bus found")) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    return run(qmp, "device_add",
               strings("driver", "virtio-serial-pci", "id", CONTROLLER, NULL),
               error) &&
           add_port(qmp, name, CONTROLLER ".0", error);
}

int hotplug_add(Qmp *qmp, const char *name, GError **error)
{
    int fds[2];
    gboolean ok;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   fds) < 0) {
        g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_CONNECT,
                    "cannot make a pair of sockets: %s", g_strerror(errno));
        return -1;
    }
    ok = add_chardev(qmp, fds[1], error) && add_devices(qmp, name, error);
    close(fds[1]);
    if (!ok) {
        g_prefix_error(error, "cannot plug the port %s in: ", name);
        hotplug_remove(qmp, NULL);
        close(fds[0]);
        return -1;
    }
    return fds[0];
}

static gboolean list_has(Qmp *qmp, const char *command, const char *arguments,
                         const char *key, const char *name)
{
    g_autoptr(json_object) list =
        qmp_execute(qmp, command,
                    arguments ? strings("path", arguments, NULL) : NULL,
                    TIMEOUT_MS, NULL);
    size_t n = json_object_is_type(list, json_type_array)
                   ? json_object_array_length(list)
                   : 0;

    for (size_t i = 0; i < n; i++) {
        if (g_strcmp0(json_read_string(json_object_array_get_idx(list, i), key,
                                       1024),
                      name) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean has_device(Qmp *qmp, const char *id)
{
    return list_has(qmp, "qom-list", "/machine/peripheral", "name", id);
}

static gboolean remove_device(Qmp *qmp, const char *id, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + UNPLUG_US;

    if (!has_device(qmp, id)) {
        return TRUE;
    }
    if (!run(qmp, "device_del", strings("id", id, NULL), error)) {
        return FALSE;
    }
    while (has_device(qmp, id)) {
        if (g_get_monotonic_time() > end_us) {
            g_set_error(error, CONNECTION_ERROR, CONNECTION_ERROR_TIMEOUT,
                        "the guest does not let go of the device '%s'; take "
                        "it out with QMP's command device_del",
                        id);
            return FALSE;
        }
        g_usleep(UNPLUG_POLL);
    }
    return TRUE;
}

/* The device may be gone from the list before it has let go of its chardev. */
static gboolean remove_chardev(Qmp *qmp, GError **error)
{
    gint64 end_us = g_get_monotonic_time() + UNPLUG_US;

    while (list_has(qmp, "query-chardev", NULL, "label", CHARDEV)) {
        g_autoptr(GError) cause = NULL;

        if (run(qmp, "chardev-remove", strings("id", CHARDEV, NULL), &cause)) {
            return TRUE;
        }
        if (g_get_monotonic_time() > end_us) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        g_usleep(UNPLUG_POLL);
    }
    return TRUE;
}

gboolean hotplug_remove(Qmp *qmp, GError **error)
{
    return remove_device(qmp, PORT, error) && remove_chardev(qmp, error) &&
           remove_device(qmp, CONTROLLER, error);
}
