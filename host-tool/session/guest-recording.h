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
#include "limits/limits.h"
#include "qga/control.h"
#include "session/guardian.h"
#include "session/guest-leavings.h"
#include "session/offset-source.h"
#include "session/receiver.h"
#include "session/session-file.h"

typedef enum GuestCondition {
    GUEST_RUNNING,
    GUEST_PAUSED, /* QEMU stopped its vCPUs: its agent can't answer */
    GUEST_GONE,   /* reset, shut down, crashed or migrated: what recorded is not
                     here any more */
    GUEST_NO_QEMU,
} GuestCondition;

typedef struct GuestRecording {
    char *name;
    GuestAddress *address; /* owned */
    GuestLink *link;       /* owned; NULL before it is opened */
    Agent *agent;
    const Limits *limits; /* the caller's */
    OffsetChoice offset_choice;
    gboolean is_pulled_only; /* no trace channel may be plugged in */
    GPtrArray *queries;      /* of OffsetQuery, in order */
    SessionMachine *machine; /* the session's */
    Receiver *receiver;      /* NULL before it is started, or if pulled */
    /* Where the stream of a guest without a channel is pulled to; -1: not. */
    int pull_fd;
    uint64_t max_pull_bytes;
    gint64 next_pull_look_us;
    GuestLeavings leavings;
    Guardian *guardian; /* is told of the leavings by index; may be NULL */
    guint index;
    GuestCondition condition;
    gboolean is_received;  /* its stream is, or will be, stored */
    gboolean is_started;   /* it records, as far as we know */
    gboolean is_unplugged; /* QEMU has no trace port for it any more */
    gboolean is_unstopped; /* it was not to be stopped, and may still record */
    gint64 awake_us;       /* since when it runs: g_get_monotonic_time() */
    gint64 next_status_us; /* when to ask again why it is paused */
    /*
     * Of a guest that asked for its recording: where it did, and its id.  It
     * records by itself then, and needs no agent.
     */
    int request_fd; /* the caller's; -1: none */
    uint64_t request_id;
    uint32_t request_limit_ms; /* to tell it */
    /* To speak to the recorder while the receiver listens. */
    Control *control; /* NULL before guest_recording_receive(), or if pulled */
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

/*
 * Sees to it that everything is there for a recording, and asks for the
 * offsets once.  recorder_path, unless it is NULL, is a static qga-trace that
 * is copied into the guest.  A guest without a trace channel gets one; where
 * that is not possible or allowed, *warning becomes a sentence (the caller's),
 * and the recording is pulled out of the guest at its end.
 */
gboolean guest_recording_prepare(GuestRecording *guest,
                                 const char *recorder_path, char **warning,
                                 GError **error);

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

/*
 * Runs the recording's command in the guest; TRUE as soon as it does.  It is
 * among what guest_recording_leave() takes out, unless it is known to have
 * exited.
 */
gboolean guest_recording_run(GuestRecording *guest, const char *const *argv,
                             GError **error);

/* As agent_exec_status() and agent_exec_end() of that command. */
gboolean guest_recording_look_at_command(GuestRecording *guest,
                                         AgentProcess *process, GError **error);
gboolean guest_recording_end_command(GuestRecording *guest,
                                     AgentProcess *process, GError **error);

/* Its recorder is to end when the command does. */
void guest_recording_watch(GuestRecording *guest);

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

/*
 * Looks from time to time whether what a guest keeps for the end has become
 * larger than is wanted of it, which is a failure like any other.
 */
void guest_recording_limit_pull(GuestRecording *guest);

/* Why storing the stream ended, or NULL if it goes on; the caller's. */
char *guest_recording_receiver_failure(const GuestRecording *guest);

/*
 * Ends the guest's recorder if it runs, whatever else went wrong.  May be
 * called again.
 */
void guest_recording_stop(GuestRecording *guest);

/*
 * Waits until all that was sent is stored, or nothing more comes; or pulls it
 * out of the guest.
 */
void guest_recording_drain(GuestRecording *guest);

/* Takes out of the guest what the recording has put into it. */
void guest_recording_leave(GuestRecording *guest);

/* Keeps sentence (consumed) if it is the first one. */
void guest_recording_fail(GuestRecording *guest, char *sentence);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestRecording, guest_recording_free)

#endif
