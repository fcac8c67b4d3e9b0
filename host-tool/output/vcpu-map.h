/*
 * VcpuMap: which thread of which host is which CPU of which guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VCPU_MAP_H
#define VCPU_MAP_H

#include <glib.h>
#include <stdint.h>

#include "merge/timeline.h"

typedef struct Vcpu {
    const TimelineInput *guest;
    unsigned cpu; /* the guest kernel's number */
    const TimelineInput *host;
    int32_t thread_id; /* on the host */
    guint index;       /* 0 to vcpu_map_size() - 1 */
} Vcpu;

typedef struct VcpuMap VcpuMap;

/*
 * inputs: of TimelineInput; they must outlive the map.  CPUs without a known
 * thread, and guests without a host among the inputs, are not in it.  Of
 * several recordings of one guest, the first is its vCPUs' guest.
 */
VcpuMap *vcpu_map_new(GPtrArray *inputs);
void vcpu_map_free(VcpuMap *map);

guint vcpu_map_size(const VcpuMap *map);
const Vcpu *vcpu_map_at(const VcpuMap *map, guint index);

/* The vCPU behind a guest's CPU, or NULL. */
const Vcpu *vcpu_map_of_cpu(const VcpuMap *map, const TimelineInput *guest,
                            unsigned cpu);
/* The vCPU that a host's thread runs, or NULL. */
const Vcpu *vcpu_map_of_thread(const VcpuMap *map, const TimelineInput *host,
                               int32_t thread_id);

/*
 * The input that the tids of this guest's vCPUs belong to; NULL of a host, or
 * when there is none.
 */
const TimelineInput *vcpu_map_host_of(GPtrArray *inputs,
                                      const TimelineInput *guest);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(VcpuMap, vcpu_map_free)

#endif
