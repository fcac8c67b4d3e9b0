/*
 * GuestClock: the clock segments of all vCPUs of a guest in a session.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GUEST_CLOCK_H
#define GUEST_CLOCK_H

#include <glib.h>

#include "session/session-file.h"

/*
 * Makes the machine's vCPUs, their accelerator and their segments anew.
 * queries: of OffsetQuery, in order, at least one.  changes: of OffsetChange,
 * all of the host's; NULL: not known, or not yet.
 */
void guest_clock_set(SessionMachine *machine, const GPtrArray *queries,
                     const GArray *changes);

/*
 * For a recording that was killed: what QEMU said at its start is in the
 * session, and changes tells the rest.
 */
void guest_clock_recover(SessionMachine *machine, const GArray *changes);

/*
 * Sets each vCPU's guest_cpu from what the guest's stream says, by APIC id;
 * hello_cpus is of TraceHelloCpu.
 */
void guest_clock_match_cpus(SessionMachine *machine, const GArray *hello_cpus);

#endif
