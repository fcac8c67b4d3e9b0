/*
 * Hotplug: giving a running QEMU a virtio-serial port over its monitor, and
 * taking it out again.
 *
 * QEMU gets one end of a connected pair of sockets, so there is no path whose
 * owner, mode or security label could be wrong, and nothing of it stays when
 * both ends are closed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HOTPLUG_H
#define HOTPLUG_H

#include "connection/qmp.h"

/*
 * Plugs a port named name in, with a controller where there is none, and
 * returns the non-blocking host's end, the caller's; -1 on errors, with
 * nothing left.
 */
int hotplug_add(Qmp *qmp, const char *name, GError **error);

/* Takes out what hotplug_add() has put in, by whichever process. */
gboolean hotplug_remove(Qmp *qmp, GError **error);

#endif
