/*
 * RecordingProgress: how a recording goes, by what its machines say of
 * themselves.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RECORDING_PROGRESS_H
#define RECORDING_PROGRESS_H

#include <glib.h>
#include <stdint.h>

#include "session/guest-recording.h"
#include "session/host-recorder.h"

typedef struct MachineProgress {
    const char *name; /* the guest's, or "host" */
    uint64_t events;
    uint64_t lost_events; /* of a flight recording: overwritten */
    uint64_t bytes;       /* stored */
    gboolean is_frozen;
} MachineProgress;

typedef struct RecordingProgress {
    gint64 elapsed_us;
    gint64 left_us;     /* -1: no end is known */
    gboolean is_ending; /* what is left is being fetched */
    const MachineProgress *machines;
    guint n_machines;
} RecordingProgress;

/* The host and the guests (of GuestRecording): of MachineProgress. */
GArray *machines_progress(const HostRecorder *host, const GPtrArray *guests);

#endif
