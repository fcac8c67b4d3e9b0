/*
 * Control: one end of the talk between host and recorder (trace-control.h),
 * over the descriptor that the stream goes through.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <glib.h>
#include <stdbool.h>

#include "trace-control.h"

typedef struct Control Control;

typedef enum ControlRead {
    CONTROL_MESSAGE,
    CONTROL_NOTHING, /* no whole message is there now */
    CONTROL_NOISE,   /* the same, after much else: don't hurry to read on */
    CONTROL_CLOSED,  /* the host hung up, or the descriptor can't be read */
} ControlRead;

typedef enum ControlSide {
    CONTROL_RECORDER, /* hears what the host says to it or to everybody */
    CONTROL_HOST,     /* hears requests only */
} ControlSide;

/* @fd is O_NONBLOCK and stays the caller's. */
Control *control_new(int fd, ControlSide side);
void control_free(Control *control);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Control, control_free)

/*
 * The next message that is for us; never waits.  Bytes that are no message and
 * answers to other requests are skipped, but only so many in one call: a side
 * that makes noise without end gets CONTROL_NOISE.  No byte after a message is
 * read.
 */
ControlRead control_read(Control *control, TraceControl *message);

/*
 * For the host: says something.  FALSE when it can't be said at once, which a
 * recorder that listens never causes.
 */
bool control_say(Control *control, TraceControlKind kind, guint64 id,
                 guint32 duration_ms, const char *text);

/* What a recording asks of the host. */
typedef struct ControlRequest {
    const char *command;       /* for the host's log; NULL: none */
    const char *const *events; /* the host's; NULL: its default */
    bool is_snapshot;
    guint32 duration_ms; /* 0: as long as the host allows */
} ControlRequest;

/*
 * Asks the host for a joint recording and waits until it records, or until
 * @stop_fd is readable.  Fails with the host's own reason if it refuses.
 */
bool control_ask(Control *control, const ControlRequest *request, int stop_fd,
                 GError **error);

/*
 * After the stream's end: waits until the host has stored it and returns the
 * name of the session, or NULL if the host doesn't say in time.
 */
char *control_wait_done(Control *control, int stop_fd);

#endif
