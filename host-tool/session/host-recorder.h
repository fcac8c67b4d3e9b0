/*
 * HostRecorder: the host records itself with the guests' own recorder, in a
 * child process, into a file.
 *
 * A child, so that neither side can hold the other up, and so that the
 * tracefs instance is removed even when the parent is killed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HOST_RECORDER_H
#define HOST_RECORDER_H

#include <glib.h>
#include <stdint.h>

#include "limits/limits.h"
#include "qga/recorder-options.h"

typedef struct HostRecorder HostRecorder;

/*
 * Forks the child, which writes to file_fd (the caller's, named file_name in
 * errors) up to max_bytes, and while more of the disk is free than is to stay
 * so by the limits, and waits until events are being recorded.
 * options->instance is ignored: the child chooses its own.  The caller must
 * have no other threads yet.
 */
HostRecorder *host_recorder_start(const RecorderOptions *options, int file_fd,
                                  const char *file_name, uint64_t max_bytes,
                                  const Limits *limits, GError **error);

/* Readable when the recording ended by itself, which it does on errors. */
int host_recorder_event_fd(const HostRecorder *recorder);

/* What the host has recorded so far, about. */
typedef struct HostRecorderSigns {
    uint64_t events;
    uint64_t lost_events;
    uint64_t bytes;
} HostRecorderSigns;

HostRecorderSigns host_recorder_signs(const HostRecorder *recorder);

/*
 * Ends the recording, but doesn't wait: events are recorded no longer.
 * host_recorder_stop() must follow.
 */
void host_recorder_freeze(HostRecorder *recorder);

/*
 * Ends the recording, waits for what is left, and reports how it went.  The
 * tracefs instance is gone after that.  To be called once.
 */
gboolean host_recorder_stop(HostRecorder *recorder, GError **error);

/* Stops it first, if it still runs. */
void host_recorder_free(HostRecorder *recorder);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostRecorder, host_recorder_free)

#endif
