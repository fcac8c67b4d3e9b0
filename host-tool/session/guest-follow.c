/*
 * Following what happens to a guest, and to its stream, while it is recorded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/guest-recording-private.h"

#include "connection/json-read.h"
#include "connection/trace-port.h"

/* What was on its way when the port was unplugged has come by then. */
#define UNPLUGGED_QUIET_US (2 * G_USEC_PER_SEC)
/* Each look at a recording that stays in the guest is work for the guest. */
#define PULL_LOOK_US (5 * G_USEC_PER_SEC)
/* Whether a guest that is paused runs elsewhere by now. */
#define STATUS_LOOK_US    G_USEC_PER_SEC
#define STATUS_TIMEOUT_MS 2000
#define MAX_STATUS_NAME   40

static void take_event(GuestRecording *guest, const GuestEvent *event)
{
    g_autoptr(GError) error = NULL;

    switch (event->kind) {
    case GUEST_EVENT_STOP:
        guest->condition = GUEST_PAUSED;
        break;
    case GUEST_EVENT_RESUME:
        guest->condition = GUEST_RUNNING;
        guest->awake_us = g_get_monotonic_time();
        /* QEMU has looked at the vCPUs itself when they continued. */
        if (!guest_recording_query(guest, OFFSET_TRACKED, &error)) {
            guest_recording_fail(guest, g_strdup(error->message));
        }
        break;
    case GUEST_EVENT_RESET:
        guest->condition = GUEST_GONE;
        guest_recording_fail(
            guest, g_strdup_printf("guest '%s' was reset, which ended its "
                                   "recording",
                                   guest->name));
        break;
    case GUEST_EVENT_UNPLUG:
        guest->is_unplugged =
            guest->is_unplugged ||
            (guest->pull_fd < 0 && trace_port_is_gone(guest->link));
        break;
    case GUEST_EVENT_SHUTDOWN:
    case GUEST_EVENT_PANIC:
    default:
        guest->condition = GUEST_GONE;
        guest_recording_fail(
            guest,
            g_strdup_printf(
                "guest '%s' %s, which ended its recording", guest->name,
                event->kind == GUEST_EVENT_PANIC ? "crashed" : "shut down"));
    }
}

/*
 * Takes what has come; FALSE if that was nothing.  QEMU only tells the present
 * clock, so one that came and went before it could be asked for is lost.
 */
static gboolean take_events(GuestRecording *guest)
{
    GuestEvent event;
    unsigned n_events = 0, n_resumes = 0;

    while (guest_link_next_event(guest->link, &event)) {
        n_events++;
        n_resumes += event.kind == GUEST_EVENT_RESUME;
        if (guest->condition != GUEST_GONE) {
            take_event(guest, &event);
        }
    }
    if (n_resumes > 1) {
        g_ptr_array_add(
            guest->machine->notes,
            g_strdup_printf("The guest was stopped and continued %u times in a "
                            "moment, in between its clock is not known.",
                            n_resumes));
    }
    return n_events > 0;
}

/* QEMU sends no event of it that need not be asked for beforehand. */
static void look_for_migration(GuestRecording *guest)
{
    gint64 now_us = g_get_monotonic_time();
    g_autoptr(json_object) answer = NULL;
    const char *status;

    if (guest->condition != GUEST_PAUSED || now_us < guest->next_status_us) {
        return;
    }
    guest->next_status_us = now_us + STATUS_LOOK_US;
    answer = guest_link_qmp_execute(guest->link, "query-status", NULL,
                                    STATUS_TIMEOUT_MS, NULL);
    status =
        answer ? json_read_string(answer, "status", MAX_STATUS_NAME) : NULL;
    if (status && g_str_equal(status, "postmigrate")) {
        guest->condition = GUEST_GONE;
        guest_recording_fail(
            guest, g_strdup_printf("guest '%s' was migrated to another QEMU, "
                                   "which ended its recording here",
                                   guest->name));
    }
}

gboolean guest_recording_follow(GuestRecording *guest)
{
    g_autoptr(GError) error = NULL;
    gboolean is_open;

    /* Asking for the clock may have brought more events with it. */
    do {
        is_open = guest_link_pump(guest->link, &error);
        look_for_migration(guest);
    } while (take_events(guest) && is_open);
    if (!is_open) {
        guest->condition = GUEST_NO_QEMU;
        guest_recording_fail(
            guest, g_strdup_printf(guest->address->domain
                                       ? "the recording of guest '%s' was cut "
                                         "short: %s"
                                       : "QEMU of guest '%s' has ended, and "
                                         "with it the recording (%s)",
                                   guest->name, error->message));
    }
    return guest->failure == NULL;
}

/*
 * A recorder that lives says something about every second, unless it can't
 * any more.
 */
static gboolean is_silent(const GuestRecording *guest)
{
    gint64 awake_us = g_get_monotonic_time() - guest->awake_us;
    gint64 limit_us = guest->is_unplugged
                          ? UNPLUGGED_QUIET_US
                          : (gint64)guest->limits->idle_s * G_USEC_PER_SEC;

    return guest->is_started && guest->condition == GUEST_RUNNING &&
           MIN(receiver_quiet_us(guest->receiver), awake_us) > limit_us;
}

static char *silence_failure(const GuestRecording *guest)
{
    return guest->is_unplugged
               ? g_strdup_printf(
                     "the trace channel of guest '%s' was "
                     "unplugged (QEMU has no port " GUEST_LINK_TRACE_PORT
                     " any more)",
                     guest->name)
               : g_strdup_printf("nothing comes any more from the recorder in "
                                 "guest '%s' (port " GUEST_LINK_TRACE_PORT
                                 "): it was killed, or the guest hangs",
                                 guest->name);
}

char *guest_recording_receiver_failure(const GuestRecording *guest)
{
    if (!guest->receiver) {
        return NULL;
    }
    switch (receiver_state(guest->receiver)) {
    case RECEIVER_LIMIT:
        return g_strdup_printf("the stream of guest '%s' reached its limit "
                               "(--max-size)",
                               guest->name);
    case RECEIVER_FULL:
        return g_strdup_printf("the stream of guest '%s' was cut off, so that "
                               "the disk stays as free as it is to "
                               "(--limit keep-free)",
                               guest->name);
    case RECEIVER_FAILED:
        return g_strdup_printf("the stream of guest '%s' cannot be stored: %s",
                               guest->name,
                               g_strerror(receiver_errno(guest->receiver)));
    case RECEIVER_CLOSED:
        return g_strdup_printf("the trace channel of guest '%s' was closed by "
                               "QEMU",
                               guest->name);
    case RECEIVER_RECEIVING:
        return is_silent(guest) ? silence_failure(guest) : NULL;
    case RECEIVER_ENDED:
    default:
        return NULL;
    }
}

void guest_recording_limit_pull(GuestRecording *guest)
{
    gint64 now_us = g_get_monotonic_time();
    g_auto(GuestTraceStatus) status = {0};
    GuestTracer tracer = guest_recording_tracer(guest);

    if (guest->pull_fd < 0 || guest->condition != GUEST_RUNNING ||
        now_us < guest->next_pull_look_us) {
        return;
    }
    guest->next_pull_look_us = now_us + PULL_LOOK_US;
    if (guest_trace_status(&tracer, &status, NULL) &&
        status.bytes_sent > guest->max_pull_bytes) {
        guest_recording_fail(
            guest, g_strdup_printf("the stream of guest '%s' reached its limit "
                                   "(--max-size)",
                                   guest->name));
    }
}
