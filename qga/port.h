/*
 * Port: the virtio-serial port to the host, found by its name.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PORT_H
#define PORT_H

#include <glib.h>

#define PORT_DEFAULT_NAME "org.qemu.trace.0"

/*
 * The path of the device of the port named @name, under @root ("" but in
 * tests): /dev/virtio-ports/NAME where udev made it, else what
 * /sys/class/virtio-ports says.  A @name with a '/' is a path already.
 * Returns NULL with @error set if there is none.
 */
char *port_find(const char *root, const char *name, GError **error);

/*
 * Opens the port, non-blocking, for the stream and the talk with the host, and
 * makes sure that somebody listens there.  Returns -1 with @error set: the port
 * is missing, taken, or has no reader.
 */
int port_open(const char *name, GError **error);

#endif
