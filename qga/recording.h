/*
 * Recording: the one recording that this machine's qga-trace may make at a
 * time: lock, output, recorder, and the state that others see.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RECORDING_H
#define RECORDING_H

#include <glib.h>
#include <stdbool.h>

#include "options.h"
#include "state.h"

typedef struct Recording Recording;

/* As recorder.h's ready callback. */
typedef bool (*RecordingReady)(Recording *recording, gpointer data,
                               GError **error);

/*
 * Takes the lock, removes what a killed recorder left, opens the output and
 * configures the capture.  @options must outlive the recording.  @signal_fd,
 * the caller's, is a signalfd of SIGCHLD and the signals that end it.
 */
Recording *recording_new(const Options *options, int signal_fd, GError **error);

/*
 * Asks the host to record, too, and waits until it does.  Before
 * recording_run().
 */
bool recording_ask(Recording *recording, GError **error);

/*
 * Records until one of the signals, the end of recording_set_command()'s
 * process, the host or a trigger ends it; the state is saved as it changes.
 */
bool recording_run(Recording *recording, RecordingReady ready, gpointer data,
                   GError **error);

/* For the ready callback. */
void recording_set_command(Recording *recording, pid_t pid);

/*
 * Where the host was asked: waits until it has stored all, and returns the
 * name that it gave the session, or NULL.
 */
char *recording_wait_stored(Recording *recording);

/* Why the recording ended, for people; a constant, or NULL if nobody needs to
 * be told. */
const char *recording_end_reason(const Recording *recording);

/* The signal that ended it; 0: none. */
int recording_signal(const Recording *recording);

const State *recording_state(const Recording *recording);
/* Events of the default set that this kernel lacks; NULL-terminated. */
const char *const *recording_missing_events(const Recording *recording);

/* Restores tracefs, saves the final state, releases the lock. */
void recording_free(Recording *recording);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recording, recording_free)

/*
 * The state as it is now: live totals while a recorder lives; if one was
 * killed, what it left in tracefs is removed and the state is "failed".  Where
 * the options say so, and no recorder lives, it is forgotten then.
 */
State *recording_inspect(const Options *options, GError **error);

/*
 * Makes a living recorder end, waits for it as long as the options say, and
 * returns the state then: "stopping" if it takes longer.
 */
State *recording_stop(const Options *options, GError **error);

#endif
