/*
 * VcpuSlices: what each vCPU's thread was doing, as nested spans of time.
 *
 * Below: in the guest, in KVM for an exit, or in QEMU for one.  Above it,
 * while another task had the CPU: preempted or blocked.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VCPU_SLICES_H
#define VCPU_SLICES_H

#include <glib.h>
#include <stdint.h>

#include "merge/timeline.h"
#include "output/vcpu-map.h"

/* Spans of a vCPU nest: an end is that of the last one begun. */
typedef struct VcpuSliceOps {
    void (*begin)(gpointer data, const Vcpu *vcpu, uint64_t time,
                  const char *name);
    void (*end)(gpointer data, const Vcpu *vcpu, uint64_t time);
} VcpuSliceOps;

typedef struct VcpuSlices VcpuSlices;

/* map, ops and data stay the caller's. */
VcpuSlices *vcpu_slices_new(const VcpuMap *map, const VcpuSliceOps *ops,
                            gpointer data);
void vcpu_slices_free(VcpuSlices *slices);

/* To be called with every event, in order. */
void vcpu_slices_event(VcpuSlices *slices, const TimelineEvent *event);

/*
 * Events are missing before this one: whatever the vCPUs on its CPU did ends
 * with the last that is known of them.
 */
void vcpu_slices_lose(VcpuSlices *slices, const TimelineEvent *event);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VcpuSlices, vcpu_slices_free)

#endif
