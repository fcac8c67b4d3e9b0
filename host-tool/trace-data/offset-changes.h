/*
 * OffsetChanges: what a host's trace says of its vCPUs' TSC offsets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef OFFSET_CHANGES_H
#define OFFSET_CHANGES_H

#include <glib.h>
#include <stdint.h>

#include "limits/limits.h"

/*
 * One kvm_write_tsc_offset event (arch/x86/kvm/trace.h).  It may fire without
 * a change: previous_ticks == next_ticks.
 */
typedef struct OffsetChange {
    uint64_t host_ticks;
    uint32_t vcpu_id;  /* KVM's: the APIC id */
    int32_t thread_id; /* that wrote it: the vCPU's own, as QEMU does it */
    int64_t previous_ticks;
    int64_t next_ticks;
} OffsetChange;

/*
 * All of a host's file that is open, which is taken over, in the order of
 * their ticks.  Caller unrefs.
 */
GArray *offset_changes_read(int fd, const char *path, const Limits *limits,
                            GError **error);

#endif
