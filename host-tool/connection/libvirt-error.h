/*
 * LibvirtError: what libvirt says of its last failure, in our words.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LIBVIRT_ERROR_H
#define LIBVIRT_ERROR_H

#include "connection/connection-error.h"

/* What libvirt says, which may quote the guest: printable, the caller's. */
char *libvirt_error_message(void);

ConnectionError libvirt_error_kind(void);

#endif
