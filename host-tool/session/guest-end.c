/*
 * Ending the recording of one guest: stopping, fetching the rest, leaving.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/guest-recording-private.h"

#include <inttypes.h>
#include <unistd.h>

#include "connection/connection-error.h"
#include "connection/guest-file.h"
#include "session/disk-reserve.h"

/* How long the guest may take to send what it still has. */
#define STOP_TIMEOUT_S 5
/* How often it is asked to stop while its agent does not answer. */
#define STOP_ASKS     3
#define STOP_POLL_US  (G_USEC_PER_SEC / 5)
#define DRAIN_POLL_US 10000
#define DYING_US      200000
/* A guest that asked for its recording gives signs every second. */
#define ASKED_QUIET_US (10 * G_USEC_PER_SEC)
#define DRAIN_QUIET_US (2 * G_USEC_PER_SEC)
#define DRAIN_MAX_US   (30 * G_USEC_PER_SEC)
/* The same when the guest didn't say how much there is. */
#define DRAIN_BLIND_US (3 * G_USEC_PER_SEC)

static gint64 stop_end_us(const GuestRecording *guest)
{
    return g_get_monotonic_time() +
           (gint64)guest->limits->stop_s * G_USEC_PER_SEC;
}

#define STILL_SENDING "the time it takes is " LIMIT_ABOVE("stop-time")

static void fail_stop(GuestRecording *guest, const char *why)
{
    guest->is_unstopped = TRUE;
    guest_recording_fail(
        guest, g_strdup_printf("the recorder in guest '%s' did not stop as it "
                               "should: %s",
                               guest->name, why));
}

/*
 * A recorder that asked for its recording needs only to be told; its stream
 * tells the rest.
 */
static void stop_asked_for(GuestRecording *guest)
{
    gint64 end_us = stop_end_us(guest);

    guest_recording_tell(guest, TRACE_CONTROL_STOP, "the host has ended it");
    while (receiver_state(guest->receiver) == RECEIVER_RECEIVING) {
        if (g_get_monotonic_time() > end_us) {
            fail_stop(guest, STILL_SENDING);
            return;
        }
        if (receiver_quiet_us(guest->receiver) > ASKED_QUIET_US) {
            fail_stop(guest, "nothing more comes from it");
            return;
        }
        g_usleep(DRAIN_POLL_US);
    }
}

/* Asks until the guest has sent everything, or has failed to. */
static void wait_finished(GuestRecording *guest, GuestTraceStatus *status)
{
    gint64 end_us = stop_end_us(guest);
    GuestTracer tracer = guest_recording_tracer(guest);
    g_autoptr(GError) error = NULL;

    while (status->state == GUEST_TRACE_STOPPING ||
           status->state == GUEST_TRACE_RECORDING) {
        if (g_get_monotonic_time() > end_us) {
            fail_stop(guest, STILL_SENDING);
            return;
        }
        g_usleep(STOP_POLL_US);
        guest_trace_status_clear(status);
        if (!guest_trace_status(&tracer, status, &error)) {
            fail_stop(guest, error->message);
            return;
        }
    }
    if (status->state == GUEST_TRACE_FAILED) {
        guest_recording_fail(
            guest, g_strdup_printf("the recorder in guest '%s' failed: %s",
                                   guest->name,
                                   status->failure ? status->failure
                                                   : "it does not say why"));
    }
    guest->bytes_sent = status->bytes_sent;
}

/*
 * An agent that is restarted has forgotten what it was asked, perhaps after it
 * was done.  To ask again does no harm.
 */
static gboolean stop_recorder(GuestRecording *guest, GuestTraceStatus *status,
                              GError **error)
{
    GuestTracer tracer = guest_recording_tracer(guest);
    GError *cause = NULL;

    for (int n = 1; !guest_trace_stop(&tracer, STOP_TIMEOUT_S, status, &cause);
         n++) {
        if (n == STOP_ASKS ||
            !g_error_matches(cause, CONNECTION_ERROR,
                             CONNECTION_ERROR_TIMEOUT) ||
            !guest_recording_follow(guest) ||
            guest->condition != GUEST_RUNNING) {
            g_propagate_error(error, cause);
            return FALSE;
        }
        g_clear_error(&cause);
    }
    return TRUE;
}

void guest_recording_stop(GuestRecording *guest)
{
    g_auto(GuestTraceStatus) status = {0};
    g_autoptr(GError) error = NULL;

    if (!guest->is_started) {
        return;
    }
    guest->is_started = FALSE;
    switch (guest->condition) {
    case GUEST_RUNNING:
        if (guest_recording_is_asked_for(guest)) {
            stop_asked_for(guest);
        } else if (stop_recorder(guest, &status, &error)) {
            wait_finished(guest, &status);
        } else {
            /* If QEMU is going, its monitor tells so in a moment. */
            g_usleep(DYING_US);
            guest_recording_follow(guest);
            fail_stop(guest, error->message);
        }
        break;
    case GUEST_PAUSED:
        fail_stop(guest, "the guest is paused; its recorder ends by itself "
                         "when the guest continues");
        break;
    case GUEST_GONE:
    case GUEST_NO_QEMU:
    default:
        break;
    }
}

static void pull(GuestRecording *guest)
{
    g_autoptr(GError) error = NULL;
    uint64_t max_bytes = guest->max_pull_bytes;
    uint64_t bytes = 0;

    if (guest->limits->keep_free_bytes > 0) {
        max_bytes =
            MIN(max_bytes, disk_reserve_room(guest->pull_fd, guest->limits));
    }
    if (guest->condition == GUEST_RUNNING &&
        !guest_file_read(guest->agent, guest->leavings.stream_file,
                         guest->pull_fd, max_bytes, &bytes, &error)) {
        guest_recording_fail(guest,
                             g_strdup_printf("the recording of guest "
                                             "'%s' could not be copied "
                                             "from it: %s",
                                             guest->name, error->message));
    }
    fsync(guest->pull_fd);
    close(guest->pull_fd);
    guest->pull_fd = -1;
}

/* A second thing that went wrong is told where there is room for it. */
static void tell_left(GuestRecording *guest, const char *why)
{
    char *sentence = g_strdup_printf("not all that was put into guest '%s' "
                                     "could be taken out again: %s",
                                     guest->name, why);

    if (guest->failure && guest->machine) {
        g_ptr_array_add(guest->machine->notes, g_strdup(sentence));
    }
    guest_recording_fail(guest, sentence);
}

/* What a guest that was reset, or is no more, has not kept. */
static void forget_lost(GuestLeavings *leavings)
{
    leavings->command_pid = 0;
    if (leavings->program_file &&
        (g_str_has_prefix(leavings->program_file, "/dev/shm/") ||
         g_str_has_prefix(leavings->program_file, "/run/"))) {
        g_clear_pointer(&leavings->program_file, g_free);
    }
}

/*
 * A guest that was reset may be on its way up again, and so may its agent and
 * libvirt: that is worth more than one try.
 */
static gboolean needs_new_link(const GuestRecording *guest)
{
    const GuestLeavings *leavings = &guest->leavings;

    return guest->condition == GUEST_NO_QEMU ||
           ((guest->condition == GUEST_GONE || guest->is_unstopped) &&
            (leavings->program_file || leavings->stream_file));
}

void guest_recording_leave(GuestRecording *guest)
{
    g_autoptr(GError) error = NULL;
    gboolean ok;

    if (guest->condition == GUEST_GONE) {
        forget_lost(&guest->leavings);
    }
    if (!guest_leavings_exist(&guest->leavings)) {
        return;
    }
    if (needs_new_link(guest)) {
        /* It would keep the domain locked against the link that is to come. */
        g_clear_pointer(&guest->agent, agent_free);
        g_clear_pointer(&guest->link, guest_link_free);
        ok = guest_leavings_remove_anew(&guest->leavings, guest->address,
                                        &error);
    } else {
        ok = guest_leavings_remove(&guest->leavings, guest->link, guest->agent,
                                   &error);
    }
    if (ok) {
        guest_leavings_clear(&guest->leavings);
    } else {
        tell_left(guest, error->message);
    }
    guest_recording_tell_guardian(guest);
}

/* It was of the guest's own making, but who reads the losses should know. */
static void note_held(const GuestRecording *guest)
{
    uint64_t held_us = receiver_held_us(guest->receiver);

    if (held_us > 0 && guest->machine) {
        g_ptr_array_add(
            guest->machine->notes,
            g_strdup_printf("The guest sent more than %" PRIu64
                            " frames in a second (--limit frame-rate) and was "
                            "held up for %" PRIu64 " ms in all.",
                            guest->limits->frames_per_s, held_us / 1000));
    }
}

void guest_recording_drain(GuestRecording *guest)
{
    gint64 end_us = g_get_monotonic_time() +
                    (guest->bytes_sent ? DRAIN_MAX_US : DRAIN_BLIND_US);

    if (guest->pull_fd >= 0) {
        pull(guest);
    }
    while (guest->receiver && g_get_monotonic_time() < end_us &&
           receiver_state(guest->receiver) != RECEIVER_CLOSED &&
           receiver_state(guest->receiver) != RECEIVER_ENDED &&
           receiver_quiet_us(guest->receiver) < DRAIN_QUIET_US &&
           (guest->bytes_sent == 0 ||
            receiver_came_bytes(guest->receiver) < guest->bytes_sent)) {
        g_usleep(DRAIN_POLL_US);
    }
    if (guest->receiver) {
        receiver_stop(guest->receiver);
        note_held(guest);
    }
}
