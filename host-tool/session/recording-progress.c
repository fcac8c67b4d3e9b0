/*
 * RecordingProgress: how a recording goes, by what its machines say of
 * themselves.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/recording-progress.h"

static MachineProgress host_progress(const HostRecorder *host)
{
    HostRecorderSigns signs = host_recorder_signs(host);

    return (MachineProgress){
        .name = "host",
        .events = signs.events,
        .lost_events = signs.lost_events,
        .bytes = signs.bytes,
    };
}

static MachineProgress guest_progress(const GuestRecording *guest)
{
    ReceiverSigns signs;

    /* What stays in the guest until the end shows nothing of itself. */
    if (!guest->receiver) {
        return (MachineProgress){.name = guest->name};
    }
    signs = receiver_signs(guest->receiver);
    return (MachineProgress){
        .name = guest->name,
        .events = signs.events,
        .lost_events = signs.lost_events,
        .bytes = receiver_stored_bytes(guest->receiver),
        .is_frozen = signs.is_frozen,
    };
}

GArray *machines_progress(const HostRecorder *host, const GPtrArray *guests)
{
    GArray *machines = g_array_new(FALSE, FALSE, sizeof(MachineProgress));
    MachineProgress machine = host_progress(host);

    g_array_append_val(machines, machine);
    for (guint i = 0; i < guests->len; i++) {
        machine = guest_progress(guests->pdata[i]);
        g_array_append_val(machines, machine);
    }
    return machines;
}
