/*
 * LibvirtLoop: the event loop through which libvirt tells of events.
 *
 * The whole process has one of it, so that is a global state.  It needs no
 * thread: whoever waits for libvirt runs it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LIBVIRT_LOOP_H
#define LIBVIRT_LOOP_H

#include <glib.h>

/* Starts the library, too; before anything else of it.  May be called again. */
gboolean libvirt_loop_init(GError **error);

/* Becomes readable when there is something to do. */
int libvirt_loop_fd(void);

/* Does what there is to do, without waiting. */
void libvirt_loop_run(void);

#endif
