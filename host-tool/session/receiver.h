/*
 * Receiver: stores a machine's trace stream as it comes, unparsed.
 *
 * It reads on a thread of its own, so that nothing that waits for the guest
 * elsewhere ever makes the guest lose events.  It never waits for the guest
 * in any other way than for more bytes.  A guest that sends more frames in a
 * second than its limit isn't read until they are due: what it can't send it
 * counts as lost, and this machine is spared the work.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RECEIVER_H
#define RECEIVER_H

#include <glib.h>
#include <stdint.h>

#include "limits/limits.h"
#include "qga/trace-stream.h"

typedef struct Receiver Receiver;

/*
 * In the states LIMIT, FULL and FAILED what comes is thrown away, so that the
 * guest can end its recording all the same.
 */
typedef enum ReceiverState {
    RECEIVER_RECEIVING,
    RECEIVER_ENDED,  /* the stream is complete: nothing more is read */
    RECEIVER_CLOSED, /* the other end hung up */
    RECEIVER_LIMIT,  /* max_bytes were stored */
    RECEIVER_FULL,   /* the disk has no more than is to stay free */
    RECEIVER_FAILED, /* the file can't be written: the disk is full, ... */
} ReceiverState;

/*
 * Starts to append what comes from the non-blocking socket_fd to file_fd, up
 * to max_bytes.  Takes both over.  The limits, which are copied, say how many
 * frames may come in a second and what of the disk is to stay free.
 */
Receiver *receiver_start(int socket_fd, int file_fd, uint64_t max_bytes,
                         const Limits *limits, GError **error);

ReceiverState receiver_state(Receiver *receiver);

/* Why the state is FAILED, an errno; else 0. */
int receiver_errno(Receiver *receiver);

/* What the stream tells of itself, and only that: the guest may lie. */
typedef struct ReceiverSigns {
    uint64_t events;
    uint64_t lost_events;
    gboolean is_frozen; /* its tracing is off: TRACE_META_FREEZE */
    TraceFreezeCause cause;
} ReceiverSigns;

ReceiverSigns receiver_signs(Receiver *receiver);

/* Readable once the state is no longer RECEIVING, or the guest is frozen. */
int receiver_event_fd(Receiver *receiver);

/* How many bytes came, stored or not. */
uint64_t receiver_came_bytes(Receiver *receiver);
uint64_t receiver_stored_bytes(Receiver *receiver);

/* For how long the guest was not read, since it sent too many frames. */
uint64_t receiver_held_us(Receiver *receiver);

/* How long nothing has come. */
gint64 receiver_quiet_us(Receiver *receiver);

/* Ends the thread and makes sure that the file is on the disk. */
void receiver_stop(Receiver *receiver);
void receiver_free(Receiver *receiver);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Receiver, receiver_free)

#endif
