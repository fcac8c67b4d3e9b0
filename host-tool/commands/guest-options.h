/*
 * GuestOptions: how a command is told which guests it is about.
 *
 * Each guest has options of its own on the command line: one that is given
 * once more begins the next guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GUEST_OPTIONS_H
#define GUEST_OPTIONS_H

#include <glib.h>

typedef struct GuestOptions GuestOptions;

GuestOptions *guest_options_new(void);
void guest_options_free(GuestOptions *options);

/*
 * Makes the options the context's main group, which options must outlive.
 * Other main entries are added after this.
 */
void guest_options_add_to(GuestOptions *options, GOptionContext *context);

/*
 * After parsing: the guests, of GuestAddress, with valid names that differ;
 * never empty.  options keeps them.
 */
GPtrArray *guest_options_addresses(GuestOptions *options, GError **error);

/* A name for a recording of these guests; the caller's. */
char *guest_options_session_name(const GuestOptions *options);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestOptions, guest_options_free)

#endif
