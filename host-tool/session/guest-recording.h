/*
 * GuestRecording: one guest's part in a joint recording.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GUEST_RECORDING_H
#define GUEST_RECORDING_H

#include <glib.h>

#include "connection/agent.h"
#include "connection/guest-address.h"
#include "connection/guest-link.h"
#include "connection/guest-trace.h"
#include "connection/offset-query.h"
#include "qga/control.h"
#include "session/receiver.h"
#include "session/session-file.h"

typedef enum GuestCondition {
    GUEST_RUNNING,
    GUEST_PAUSED, /* QEMU stopped its vCPUs: its agent can't answer */
    GUEST_GONE,   /* reset, shut down or crashed: what recorded is no more */
    GUEST_NO_QEMU,
} GuestCondition;

typedef struct GuestRecording {
    char *name;
    GuestAddress *address; /* owned */
    GuestLink *link;       /* owned; NULL before it is opened */
    Agent *agent;
    GPtrArray *queries;      /* of OffsetQuery, in order */
    SessionMachine *machine; /* the session's */
    Receiver *receiver;      /* NULL before it is started */
    GuestCondition condition;
    gboolean is_started; /* it records, as far as we know */
    gint64 awake_us;     /* since when it runs: g_get_monotonic_time() */
    /*
     * Of a guest that asked for its recording: where it did, and its id.  It
     * records by itself then, and needs no agent.
     */
    int request_fd; /* the caller's; -1: none */
    uint64_t request_id;
    uint32_t request_limit_ms; /* to tell it */
    /* To speak to the recorder while the receiver listens. */
    Control *control; /* NULL before guest_recording_receive() */
    int control_fd;
    uint64_t bytes_sent; /* by its own word, after a stop; else 0 */
    /* The first thing that went wrong; NULL if none.  The guest is out of the
     * recording then, which goes on for the others. */
    char *failure;
} GuestRecording;

/* Copies address. */
GuestRecording *guest_recording_new(const GuestAddress *address);
void guest_recording_free(GuestRecording *guest);

/* Connects to the guest, unless it has a link already. */
gboolean guest_recording_open(GuestRecording *guest, GError **error);

/* Whether everything is there for a recording; asks for the offsets once. */
gboolean guest_recording_check(GuestRecording *guest, GError **error);

/* Asks for the offsets and brings the machine's clocks up to date. */
gboolean guest_recording_query(GuestRecording *guest, OffsetFreshness freshness,
                               GError **error);

/* Stores the stream in dir from now on. */
gboolean guest_recording_receive(GuestRecording *guest, const char *dir,
                                 uint64_t max_bytes, GError **error);

/* Starts the guest's recorder and waits for the first bytes from it. */
gboolean guest_recording_start(GuestRecording *guest,
                               const GuestTraceOptions *options,
                               GError **error);

/* Whether it asked for the recording itself. */
gboolean guest_recording_is_asked_for(const GuestRecording *guest);

/*
 * Before guest_recording_start(): its recorder is to keep the events until the
 * end, which marker in its trace_marker (or NULL) is, too.
 */
void guest_recording_hold(GuestRecording *guest, const char *marker);

/* Its recorder is to end when a process of the guest does. */
void guest_recording_watch(GuestRecording *guest, int64_t pid);

/* Its recorder is to turn tracing off now; guest_recording_stop() follows. */
void guest_recording_freeze(GuestRecording *guest, const char *why);

/* Its recorder has ended, or has turned tracing off, by itself. */
gboolean guest_recording_has_ended(const GuestRecording *guest);

/* Where it asked for it: tells it that all is stored, and as what. */
void guest_recording_tell_stored(GuestRecording *guest, const char *session);

/*
 * Takes in QEMU's events and follows what they mean.  FALSE when the guest
 * can't be recorded any longer, which guest->failure explains.
 */
gboolean guest_recording_follow(GuestRecording *guest);

/* Why storing the stream ended, or NULL if it goes on; the caller's. */
char *guest_recording_receiver_failure(const GuestRecording *guest);

/*
 * Ends the guest's recorder if it runs, whatever else went wrong.  May be
 * called again.
 */
void guest_recording_stop(GuestRecording *guest);

/* Waits until all that was sent is stored, or nothing more comes. */
void guest_recording_drain(GuestRecording *guest);

/* Keeps sentence (consumed) if it is the first one. */
void guest_recording_fail(GuestRecording *guest, char *sentence);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestRecording, guest_recording_free)

#endif
