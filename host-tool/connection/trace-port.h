/*
 * TracePort: the guest's end of the trace channel, as a device of QEMU's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TRACE_PORT_H
#define TRACE_PORT_H

#include "connection/guest-link.h"

/*
 * TRUE if QEMU has no port of the name GUEST_LINK_TRACE_PORT among the devices
 * that may be unplugged; FALSE if it has one, or doesn't say.
 */
gboolean trace_port_is_gone(GuestLink *link);

#endif
