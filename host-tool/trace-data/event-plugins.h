/*
 * EventPlugins: libtraceevent's plugins, which print some events better.
 *
 * They are code that works on what guests send, so only those are used that
 * root installed beside the library: none from a home directory or by the
 * environment, as tep_load_plugins() would.  They are loaded once for the
 * process; who is to be confined loads them before.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef EVENT_PLUGINS_H
#define EVENT_PLUGINS_H

#include <glib.h>
#include <stdbool.h>

struct tep_handle;

/* May be called again, from any thread. */
void event_plugins_load(void);

/* Loads them if nobody did. */
void event_plugins_register(struct tep_handle *tep);
void event_plugins_unregister(struct tep_handle *tep);

/*
 * The paths (of char *) of the plugins in dir that are used: all of them, if
 * dir, all above it and they belong to root and nobody else may write them.
 */
GPtrArray *event_plugins_find(const char *dir);

#endif
