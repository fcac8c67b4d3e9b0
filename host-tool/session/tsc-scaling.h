/*
 * TscScaling: whether KVM scales a vCPU's TSC, and by which ratio.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TSC_SCALING_H
#define TSC_SCALING_H

#include <glib.h>
#include <stdint.h>

#include "clock/clock-map.h"

typedef enum TscScalingKind {
    TSC_SCALING_NONE,     /* the guest's TSC runs as the host's */
    TSC_SCALING_EXACT,    /* the ratio is KVM's own number, from debugfs */
    TSC_SCALING_COMPUTED, /* the ratio is what KVM's formula gives */
    TSC_SCALING_UNKNOWN,  /* KVM moves the offset all the time */
} TscScalingKind;

typedef struct TscScaling {
    TscScalingKind kind;
    uint64_t ratio;
    uint32_t frac_bits;
} TscScaling;

/*
 * kHz as QEMU tells them, 0 for unknown.  KVM leaves a guest whose frequency
 * is within tsc_tolerance_ppm of the host's unscaled (kvm_set_tsc_khz() in
 * arch/x86/kvm/x86.c).
 */
gboolean tsc_scaling_is_within(uint32_t guest_khz, uint32_t host_khz,
                               uint32_t tolerance_ppm);

TscScaling tsc_scaling_find(uint32_t guest_khz, uint32_t host_khz,
                            int32_t thread_id, uint32_t vcpu_id);

#endif
