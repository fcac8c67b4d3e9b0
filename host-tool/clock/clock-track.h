/*
 * ClockTrack: all the clock maps that one vCPU had during a recording, and
 * which of them holds at a position of its ring buffer.
 *
 * A guest whose TSC steps back shows the same tick value twice, so a segment
 * is never looked up by tick value: a ClockPosition walks the segments in
 * step with the events of one CPU's buffer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CLOCK_TRACK_H
#define CLOCK_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock/clock-map.h"

/* Where a map comes from; printed by clock_provenance_name(). */
typedef enum ClockProvenance {
    CLOCK_PROVENANCE_QMP,      /* query-vcpu-tsc-offset */
    CLOCK_PROVENANCE_DEBUGFS,  /* kvm/PID-FD/vcpuN/tsc-offset */
    CLOCK_PROVENANCE_TRACE,    /* the kvm_write_tsc_offset tracepoint */
    CLOCK_PROVENANCE_INFERRED, /* from the kvm_entry/kvm_exit windows */
    CLOCK_PROVENANCE_GIVEN,    /* by the user or by the file's options */
} ClockProvenance;

const char *clock_provenance_name(ClockProvenance provenance);
/* False when name is none of them. */
bool clock_provenance_parse(const char *name, ClockProvenance *provenance);

/*
 * A map and the host ticks, both included, between which it held.  Segments
 * of a track are in order and do not overlap; between two of them the guest
 * may have stood still.
 */
typedef struct ClockSegment {
    uint64_t from_host_ticks;
    uint64_t to_host_ticks;
    ClockMap map;
    uint64_t error_ticks; /* the map's own uncertainty, 0 if exact */
    ClockProvenance provenance;
} ClockSegment;

typedef struct ClockTrack {
    ClockSegment *segments; /* owned by whoever made the track */
    size_t n_segments;      /* at least 1 */
} ClockTrack;

#endif
