/*
 * Recorder: one machine's recording, from its kernel's ring buffer to a file
 * descriptor, as a trace stream (trace-stream.h).
 *
 * The same code runs in a guest (into a virtio-serial port) and on the host
 * (into a file).  It never waits for a slow reader while tracing: the kernel's
 * ring buffer is the elastic store, it overwrites the oldest events and counts
 * them exactly.  Pages are read(2) from it, which of all ways costs the guest
 * least (measured: docs/trace-stream.md, "How pages reach the port").
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RECORDER_H
#define RECORDER_H

#include <glib.h>
#include <stdbool.h>

#include "recorder-options.h"
#include "trace-stream.h"

typedef struct Recorder Recorder;

/* All may be NULL.  They run on recorder_run's thread and must be quick. */
typedef struct RecorderCallbacks {
    /*
     * Tracing is on; everything that happens from now on is recorded.
     * Returning false with @error set ends the recording with that error.
     */
    bool (*ready)(Recorder *recorder, gpointer data, GError **error);
    /*
     * recorder_run's stop_fd is readable: why to stop, or TRACE_FREEZE_NONE to
     * go on, when what made it readable must have been taken from it.  NULL:
     * it is always time to stop, because of a signal.
     */
    TraceFreezeCause (*wake)(Recorder *recorder, gpointer data);
    /* About once a second while recording. */
    void (*tick)(Recorder *recorder, gpointer data);
    /* Tracing is off; what remains is drained now. */
    void (*stopping)(Recorder *recorder, gpointer data);
    gpointer data;
} RecorderCallbacks;

/*
 * Creates and configures the tracefs instance, with tracing off, and sends
 * nothing yet.  On failure nothing is left behind.
 *
 * @out_fd stays the caller's.  Unless it is a regular file it should be
 * O_NONBLOCK; the process must ignore SIGPIPE.  @out_name names it in errors
 * ("port org.qemu.trace.0").
 */
Recorder *recorder_new(const RecorderOptions *options, int out_fd,
                       const char *out_name, GError **error);

/*
 * Sends HELLO and the metadata, turns tracing on, sends pages until @stop_fd
 * becomes readable or hangs up, then turns tracing off, drains the buffers for
 * at most the drain timeout and sends END.  Nothing is read from @stop_fd but
 * by the callbacks.  Why and when tracing was turned off is in the stream.
 *
 * To be called once.  Returns false when the stream could not be completed
 * (the reader went away or stopped reading for good, the disk is full, it was
 * stopped before tracing was on); the totals are valid all the same.
 */
bool recorder_run(Recorder *recorder, int stop_fd,
                  const RecorderCallbacks *callbacks, GError **error);

/*
 * From now on nothing is sent but signs of life until tracing is off, as with
 * RecorderOptions' is_held.  For the callbacks.
 */
void recorder_hold(Recorder *recorder);

/* Leaves @text in the recording, as a trace_marker. */
void recorder_mark(Recorder *recorder, const char *text);

/* Of the tracefs instance. */
const char *recorder_instance_dir(const Recorder *recorder);

/* Bytes of the stream that were written to out_fd so far. */
guint64 recorder_sent_bytes(const Recorder *recorder);

/*
 * One entry for each CPU of HELLO.  While recording, `pages` is current and
 * what the kernel counts is a few seconds old at most; after recorder_run all
 * members are final: events written = read + overrun +
 * commit overrun + dropped + unread.
 */
const TraceCpuStats *recorder_cpu_stats(const Recorder *recorder,
                                        guint *cpu_count);

/* Events of the default set that this kernel lacks; NULL-terminated. */
const char *const *recorder_missing_events(const Recorder *recorder);

/* The random id that HELLO carries. */
guint64 recorder_trace_id(const Recorder *recorder);

/* Removes the instance, and with it all that was changed in tracefs. */
void recorder_free(Recorder *recorder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recorder, recorder_free)

#endif
