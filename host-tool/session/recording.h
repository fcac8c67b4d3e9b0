/*
 * Recording: one joint recording of a host and its guests, from start to end.
 *
 * The host records first and stops last, so that whatever happens to a
 * guest's clock during the guest's recording is in the host's trace.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RECORDING_H
#define RECORDING_H

#include <glib.h>

#include "connection/agent.h"
#include "connection/guest-trace.h"
#include "limits/limits.h"
#include "qga/recorder-options.h"
#include "session/guest-recording.h"
#include "session/recording-progress.h"
#include "session/session-file.h"

typedef struct RecordingOptions {
    const char *name;       /* of the session; a valid session name */
    const char *output_dir; /* where its directory is made; NULL: here */
    gint64 duration_us;     /* 0: until a signal or the command's end */
    char **command;         /* to run in the first guest; NULL: none */
    RecorderOptions host;   /* events NULL: the default */
    GuestTraceOptions guest;
    OffsetChoice offset_choice;
    const char *host_cpus; /* such as "0-3"; NULL: chosen */
    gboolean all_cpus;
    gboolean pulls_only;       /* plug no trace channel in */
    const char *recorder_path; /* to be copied into guests; or NULL */
    uint64_t max_bytes;        /* for each machine's stream */
    const Limits *limits;
    /*
     * A flight recording: all machines keep their latest events and freeze
     * together, at the end or when a guest's own trigger says so.
     */
    gboolean is_snapshot;
    const char *stop_marker; /* a text in a guest's trace_marker; or NULL */
    /* About twice a second; NULL: not. */
    void (*progress)(const RecordingProgress *progress, gpointer watcher);
    gpointer watcher;
    /* What is being done; NULL: nobody wants to know. */
    void (*say)(const char *sentence, gpointer watcher);
} RecordingOptions;

typedef struct RecordingResult {
    char *dir;              /* NULL: nothing was recorded */
    Session *session;       /* likewise */
    gboolean was_signalled; /* by one of the signals below */
    gboolean has_process;   /* the command ran to its end */
    AgentProcess process;
} RecordingResult;

/*
 * guests (of GuestRecording, at least one) are not opened yet.  Blocks SIGINT,
 * SIGTERM and SIGHUP, which end the recording, until it returns.  A guest that
 * goes away does not end the recording of the others.  FALSE when anything
 * went wrong; what was recorded is in result all the same.
 */
gboolean recording_run(const RecordingOptions *options, GPtrArray *guests,
                       RecordingResult *result, GError **error);

void recording_result_clear(RecordingResult *result);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RecordingResult, recording_result_clear)

#endif
