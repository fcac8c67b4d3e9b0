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

/* One measurement of a clock that was compared with the host's from afar. */
typedef struct ClockPoint {
    uint64_t guest_ticks;
    int64_t offset_ticks; /* host = guest + offset */
} ClockPoint;

typedef struct ClockTrack {
    const ClockSegment *segments; /* owned by whoever made the track */
    size_t n_segments;            /* at least 1 */
    /*
     * Where there are two or more, offsets between them follow a straight
     * line, and the one segment tells the error only.
     */
    const ClockPoint *points;
    size_t n_points;
} ClockTrack;

/*
 * guest_ticks + the offset on the line through the two points around it, or
 * the nearest two, rounded as trace-cmd does (timestamp_correction_calc() in
 * its lib/trace-cmd/trace-input.c) but without overflow.  n_points >= 2, with
 * ascending ticks.
 */
uint64_t clock_points_to_host(const ClockPoint *points, size_t n_points,
                              uint64_t guest_ticks);

/* error_ticks of an event that no segment can have produced. */
#define CLOCK_ERROR_UNKNOWN UINT64_MAX

/* Where an event lies on the host's time line: host_ticks +- error_ticks. */
typedef struct ClockPlacement {
    uint64_t host_ticks;
    uint64_t error_ticks;
} ClockPlacement;

/*
 * How far one ring buffer has been placed.  Start with ClockPosition =
 * { .track = track }, then place every base in order.
 *
 * A base is the run of events whose ticks are counted from one stamp: those of
 * one sub-buffer, even where it was read in several parts.  When a guest's
 * clock steps back, the kernel stores a delta of 0 for the first event after
 * the step, and the rest of that sub-buffer counts on from there: its ticks
 * are wrong by a constant that nobody recorded (rb_add_timestamp() in
 * kernel/trace/ring_buffer.c).  Those events are placed between the step and
 * the next base, with the room that is left as their error.
 */
typedef struct ClockPosition {
    const ClockTrack *track;
    size_t segment; /* index of the one that holds */
} ClockPosition;

/*
 * What an event's stored delta says of a step back just before it.  Kernels
 * from 5.10 on have made room for a time extend by the time they see that the
 * delta is negative, and store one of 0; older ones store a plain 0.
 * A nested event may have a plain 0, too.
 */
typedef enum ClockStepHint {
    CLOCK_STEP_NONE,
    CLOCK_STEP_ZERO_DELTA,
    CLOCK_STEP_ZERO_EXTEND,
} ClockStepHint;

/* One event of a base as the ring buffer's reader sees it. */
typedef struct ClockSample {
    uint64_t guest_ticks;
    ClockStepHint hint; /* NONE for the base's first */
} ClockSample;

/* What is known of the base that follows. */
typedef struct ClockNext {
    bool exists;
    uint64_t guest_ticks; /* its stamp */
} ClockNext;

/*
 * True when all of a base with ticks in [first, last] is placed by
 * clock_position_plain() alone: the common case, which needs no samples.
 */
bool clock_position_is_plain(const ClockPosition *position, uint64_t first,
                             uint64_t last, const ClockNext *next);
ClockPlacement clock_position_plain(const ClockPosition *position,
                                    uint64_t guest_ticks);

/* Places all n_samples events of one base, and moves the position on. */
void clock_position_place(ClockPosition *position, const ClockSample *samples,
                          size_t n_samples, const ClockNext *next,
                          ClockPlacement *placements);

#endif
