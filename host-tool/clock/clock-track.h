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
    const ClockSegment *segments; /* owned by whoever made the track */
    size_t n_segments;            /* at least 1 */
} ClockTrack;

/* error_ticks of an event that no segment can have produced. */
#define CLOCK_ERROR_UNKNOWN UINT64_MAX

/* Where an event lies on the host's time line: host_ticks +- error_ticks. */
typedef struct ClockPlacement {
    uint64_t host_ticks;
    uint64_t error_ticks;
} ClockPlacement;

/*
 * How far one ring buffer has been placed.  Start with ClockPosition =
 * { .track = track }, then place every sub-buffer in order.
 *
 * When a guest's clock steps back, the kernel stores a delta of 0 for the
 * first event after the step, and the rest of that sub-buffer counts on from
 * there: its ticks are wrong by a constant that nobody recorded
 * (rb_add_timestamp() in kernel/trace/ring_buffer.c).  Such a base is called
 * stale; its events are placed between the step and the next sub-buffer,
 * with the room that is left as their error.
 */
typedef struct ClockPosition {
    const ClockTrack *track;
    size_t segment;       /* index of the one that holds */
    bool stale;           /* ticks are too large by skew_ticks */
    uint64_t skew_ticks;  /* estimated; subtract it from the ticks */
    uint64_t error_ticks; /* of that estimate */
} ClockPosition;

/* One event of a sub-buffer as the ring buffer's reader sees it. */
typedef struct ClockSample {
    uint64_t guest_ticks;
    bool zero_delta; /* stored with a time delta of 0 */
} ClockSample;

/* What is known of a sub-buffer's neighbours. */
typedef struct ClockNeighbours {
    /* A partial read: this page goes on with the base of the one before. */
    bool continues;
    /* The last tick counted on this page's base, here or in a later part. */
    uint64_t base_last_ticks;
    /* The first tick of the next sub-buffer that has a base of its own. */
    bool has_next;
    uint64_t next_guest_ticks;
} ClockNeighbours;

/*
 * True when all of a sub-buffer with ticks in [first, last] is placed by
 * clock_position_plain() alone: the common case, which needs no samples.
 */
bool clock_position_is_plain(const ClockPosition *position, uint64_t first,
                             uint64_t last, const ClockNeighbours *around);
ClockPlacement clock_position_plain(const ClockPosition *position,
                                    uint64_t guest_ticks);

/* Places n_samples events of one sub-buffer, and moves the position on. */
void clock_position_place(ClockPosition *position, const ClockSample *samples,
                          size_t n_samples, const ClockNeighbours *around,
                          ClockPlacement *placements);

#endif
