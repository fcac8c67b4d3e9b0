/*
 * Offsets: from what QEMU answered and what the host's kernel traced to the
 * clock segments of one vCPU.
 *
 * Pure: no I/O.  Under KVM the kernel traces each change of an offset with
 * its host tick, and QEMU's answers before and after vouch for both ends.
 * Under TCG there are no such events; each stop and continue changes the
 * offset, and QEMU tells at which guest tick.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef OFFSETS_H
#define OFFSETS_H

#include <glib.h>
#include <stdint.h>

#include "clock/clock-track.h"
#include "connection/offset-query.h"
#include "trace-data/offset-changes.h"

/* One answer of query-vcpu-tsc-offset about one vCPU. */
typedef struct OffsetSample {
    uint64_t from_host_ticks; /* the answer is of some tick in between */
    uint64_t to_host_ticks;
    int64_t offset_ticks;
    uint64_t error_ticks; /* of offset_ticks, either way */
    ClockProvenance provenance;
    uint64_t effective_from_guest_ticks; /* TCG only */
    const GArray *clocks; /* of OffsetClock, borrowed; NULL: not told */
} OffsetSample;

/* Which vCPU, and what its map is but for the offset. */
typedef struct OffsetVcpu {
    uint32_t apic_id;  /* KVM's vcpu_id */
    int32_t thread_id; /* host tid */
    uint64_t ratio;
    uint32_t frac_bits;
} OffsetVcpu;

/*
 * The segments, of ClockSegment, the caller's, never empty.  The first one
 * starts at host tick 0 and the last one ends at UINT64_MAX: nothing is known
 * of other offsets there.  samples (of OffsetSample, in order; none only where
 * the vCPU has changes)
 * were taken during the recording of changes (of OffsetChange, all vCPUs of
 * all VMs, in host-tick order; NULL: they were not recorded).  Where no change
 * was recorded, those count that QEMU tells of: between the ticks at which one
 * may have taken effect, either offset may have held.
 * What does not add up is added to notes (of char *) as a sentence, and the
 * segments that it concerns get an error bound.
 */
GArray *offsets_kvm_segments(const OffsetVcpu *vcpu, const GArray *samples,
                             const GArray *changes, GPtrArray *notes);

/* Whether changes tell of this vCPU's offset at all. */
gboolean offsets_have_changes(const OffsetVcpu *vcpu, const GArray *changes);

/* Likewise under TCG; samples were taken at the start, at the end and after
 * each continue. */
GArray *offsets_tcg_segments(const OffsetVcpu *vcpu, const GArray *samples,
                             GPtrArray *notes);

#endif
