/*
 * Seeing to it that everything is in a guest that its recording needs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/guest-recording-private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "connection/connection-error.h"
#include "connection/guest-file.h"
#include "session/session-error.h"

/* Somebody else's recording is not ours to stop. */
static gboolean check_idle(GuestRecording *guest, GError **error)
{
    g_auto(GuestTraceStatus) status = {0};
    GuestTracer tracer = guest_recording_tracer(guest);

    if (!guest_trace_status(&tracer, &status, error)) {
        return FALSE;
    }
    if (status.state == GUEST_TRACE_RECORDING ||
        status.state == GUEST_TRACE_STOPPING) {
        g_set_error(error, SESSION_ERROR, SESSION_ERROR_REFUSED,
                    "guest '%s' is being recorded already; wait for the end of "
                    "that, or end it with 'qga-trace stop' in the guest",
                    guest->name);
        return FALSE;
    }
    return TRUE;
}

/*
 * Where a guest may let programs run; not all have all of them.  What a guest
 * forgets when it is reset comes first.
 */
static const char *const program_dirs[] = {"/dev/shm", "/run", "/tmp",
                                           "/var/tmp", "/root"};
/* A recording may be too large for a guest's memory. */
#define STREAM_DIR "/var/tmp"

/* A name that nobody can have prepared, and without blanks. */
static char *new_guest_file(const char *dir, const char *suffix)
{
    return g_strdup_printf("%s/qga-trace-%08x%08x%s", dir, g_random_int(),
                           g_random_int(), suffix);
}

static gboolean push_to(GuestRecording *guest, const char *dir, int fd,
                        GError **error)
{
    GuestTracer tracer;

    guest->leavings.program_file = new_guest_file(dir, "");
    guest_recording_tell_guardian(guest);
    tracer = guest_recording_tracer(guest);
    if (lseek(fd, 0, SEEK_SET) == 0 &&
        guest_file_write(guest->agent, tracer.program, fd, error) &&
        guest_file_make_program(guest->agent, tracer.program, error) &&
        guest_trace_try_program(&tracer, error)) {
        return TRUE;
    }
    guest_file_remove(guest->agent, tracer.program, NULL);
    g_clear_pointer(&guest->leavings.program_file, g_free);
    guest_recording_tell_guardian(guest);
    return FALSE;
}

/* Copies the recorder into the first directory from which it can be run. */
static gboolean push_recorder(GuestRecording *guest, const char *path,
                              GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    GError *cause = NULL;

    if (fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "cannot open '%s', which is to be copied into the guest: "
                    "%s",
                    path, g_strerror(errno));
        return FALSE;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(program_dirs); i++) {
        g_clear_error(&cause);
        if (push_to(guest, program_dirs[i], fd, &cause)) {
            break;
        }
    }
    close(fd);
    if (!guest->leavings.program_file) {
        g_propagate_prefixed_error(error, cause,
                                   "cannot copy a recorder into the guest: ");
        return FALSE;
    }
    return TRUE;
}

/* The guest will record into a file of its own. */
static gboolean choose_pull(GuestRecording *guest, GError **error)
{
    if (!guest_file_check_read(guest->agent, error)) {
        return FALSE;
    }
    guest->leavings.stream_file = new_guest_file(STREAM_DIR, ".stream");
    guest_recording_tell_guardian(guest);
    return TRUE;
}

static char *pull_warning(const GuestRecording *guest, const char *why)
{
    return g_strdup_printf("guest '%s' gets no trace channel (%s), so its "
                           "recording stays in the guest until the end and is "
                           "then copied through the agent, which is slow",
                           guest->name, why);
}

static gboolean plug_channel(GuestRecording *guest, char **warning,
                             GError **error)
{
    GError *cause = NULL;
    gboolean has_trace = FALSE;

    if (!guest_link_has_trace(guest->link, &has_trace, error)) {
        return FALSE;
    }
    if (has_trace) {
        return TRUE;
    }
    if (guest->is_pulled_only) {
        *warning = pull_warning(guest, "as asked for");
        return choose_pull(guest, error);
    }
    guest->leavings.is_plugged = TRUE;
    guest_recording_tell_guardian(guest);
    if (guest_link_plug_trace(guest->link, &cause)) {
        return TRUE;
    }
    guest->leavings.is_plugged = FALSE;
    guest_recording_tell_guardian(guest);
    if (g_error_matches(cause, CONNECTION_ERROR, CONNECTION_ERROR_BUSY) ||
        !choose_pull(guest, NULL)) {
        g_propagate_error(error, cause);
        return FALSE;
    }
    *warning = pull_warning(guest, cause->message);
    g_error_free(cause);
    return TRUE;
}

static gboolean connect_agent(GuestRecording *guest, GError **error)
{
    guest->agent = agent_new(guest->link, error);
    return guest->agent != NULL;
}

gboolean guest_recording_prepare(GuestRecording *guest,
                                 const char *recorder_path, char **warning,
                                 GError **error)
{
    GuestTracer tracer;

    /* Nothing is recorded yet that a fresh reading could disturb. */
    if (!guest_link_check_running(guest->link, error) ||
        !guest_recording_take_query(guest, OFFSET_FRESH, error)) {
        return FALSE;
    }
    if (guest_recording_is_asked_for(guest)) {
        return TRUE;
    }
    if (!connect_agent(guest, error)) {
        return FALSE;
    }
    if (recorder_path && (!guest_file_check_write(guest->agent, error) ||
                          !push_recorder(guest, recorder_path, error))) {
        return FALSE;
    }
    tracer = guest_recording_tracer(guest);
    return guest_trace_check(&tracer, error) && check_idle(guest, error) &&
           plug_channel(guest, warning, error);
}
