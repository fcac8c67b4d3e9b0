/*
 * State: what the recorder of this machine is doing, kept where every
 * qga-trace finds it.
 *
 * A directory with two files: a lock, held by a living recorder and released
 * by the kernel when it dies, and the state it last wrote (a GKeyFile).  So a
 * recorder that was killed is recognised by its lock being free.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STATE_H
#define STATE_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "trace-stream.h"

#define STATE_DEFAULT_DIR "/run/qga-trace"

typedef enum StateKind {
    STATE_IDLE,
    STATE_RECORDING,
    STATE_STOPPING,
    STATE_FINISHED,
    STATE_FAILED,
} StateKind;

typedef struct State {
    StateKind kind;
    pid_t pid;      /* of the recorder; 0: none */
    char *port;     /* where the stream goes; NULL: nowhere */
    char *instance; /* of tracefs; NULL: none */
    guint64 bytes_sent;
    char *error;  /* why it failed, else NULL */
    GArray *cpus; /* of TraceCpuStats */
} State;

State *state_new(void);
void state_free(State *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(State, state_free)

/* As one JSON object on one line, with a line end. */
char *state_to_json(const State *state);

/* What was last written; idle if nothing was. */
State *state_load(const char *dir, GError **error);
/* Replaces what was written; a reader sees the old or the new one. */
bool state_save(const State *state, const char *dir, GError **error);

/*
 * Takes the lock, for as long as the returned descriptor is open; makes the
 * directory first.  Returns -1 with @error set; the code is TRACE_ERROR_BUSY
 * if a living recorder has it.
 */
int state_lock(const char *dir, GError **error);

/* Removes the directory, by who has its lock; what others put there stays. */
void state_forget(const char *dir);

#endif
