/*
 * The inputs of a session's timeline: its .dat files with its clocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/session-timeline.h"

#include <gio/gio.h>
#include <string.h>

#include "merge/timeline-nest.h"
#include "session/session-file.h"
#include "session/session-files.h"

static void set_tracks(TimelineInput *input, const SessionMachine *machine)
{
    input->vcpu_threads = g_array_new(FALSE, TRUE, sizeof(int32_t));
    for (guint i = 0; i < machine->vcpus->len; i++) {
        const SessionVcpu *vcpu = machine->vcpus->pdata[i];
        unsigned cpu;

        if (vcpu->guest_cpu == SESSION_NO_GUEST_CPU) {
            continue;
        }
        cpu = (unsigned)vcpu->guest_cpu;
        if (cpu >= input->vcpu_threads->len) {
            g_array_set_size(input->vcpu_threads, cpu + 1);
        }
        g_array_index(input->vcpu_threads, int32_t, cpu) = vcpu->thread_id;
        if (vcpu->segments->len > 0) {
            timeline_input_set_track(input, cpu,
                                     (const ClockSegment *)vcpu->segments->data,
                                     vcpu->segments->len);
        }
    }
}

/* input may be NULL. */
static TimelineInput *with_clocks(const Session *session,
                                  const SessionMachine *machine,
                                  TimelineInput *input)
{
    if (!input) {
        return NULL;
    }
    /* One host clock rules the whole session. */
    input->scale = (TimelineScale){
        .unit = session->tsc_mult ? TIMELINE_NS : TIMELINE_TICKS,
        .mult = session->tsc_mult,
        .shift = session->tsc_shift,
    };
    if (machine->role == SESSION_GUEST) {
        set_tracks(input, machine);
    }
    return input;
}

static TimelineInput *open_machine(const OpenedFiles *files,
                                   const Session *session,
                                   const SessionMachine *machine,
                                   const char *dir, const char *label,
                                   GError **error)
{
    g_autofree char *path = g_build_filename(dir, machine->dat_file, NULL);

    return with_clocks(session, machine,
                       timeline_input_open_from(files, path, label, error));
}

GPtrArray *session_timeline_from_fds(const Session *session, const int *fds,
                                     const Limits *limits, GError **error)
{
    g_autoptr(GPtrArray) inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);

    for (guint i = 0; i < session->machines->len; i++) {
        const SessionMachine *machine = session->machines->pdata[i];
        TimelineInput *input;

        if (fds[i] < 0) {
            continue;
        }
        input =
            with_clocks(session, machine,
                        timeline_input_open_fd(fds[i], machine->dat_file,
                                               machine->name, limits, error));
        if (!input) {
            return NULL;
        }
        g_ptr_array_add(inputs, input);
    }
    if (inputs->len == 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                    "%s: holds no recording that can be read", session->name);
        return NULL;
    }
    return g_steal_pointer(&inputs);
}

/* Where a session is read to. */
typedef struct Reading {
    GPtrArray *inputs;
    GPtrArray *missing;
    const OpenedFiles *files;     /* NULL: by their paths */
    const TimelineInput *machine; /* that it was recorded on; NULL: no guest */
    gboolean is_one_of_many;
    unsigned depth;
} Reading;

static gboolean is_taken(GPtrArray *inputs, const char *label)
{
    for (guint i = 0; i < inputs->len; i++) {
        if (strcmp(((TimelineInput *)inputs->pdata[i])->label, label) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static char *make_label(const Reading *reading, const Session *session,
                        const char *name)
{
    g_autofree char *label =
        reading->machine
            ? g_strdup_printf("%s/%s", reading->machine->label, name)
            : g_strdup(name);

    if (reading->is_one_of_many && is_taken(reading->inputs, label)) {
        return g_strdup_printf("%s@%s", label, session->name);
    }
    return g_steal_pointer(&label);
}

/* Puts a machine of a session on the line of the machine under it. */
static gboolean nest_machine(TimelineInput *input, const TimelineInput *host,
                             const Reading *reading, GError **error)
{
    if (!reading->machine) {
        return TRUE;
    }
    if (!host) {
        timeline_input_copy_clocks(input, reading->machine);
        return TRUE;
    }
    return timeline_input_nest(input, host, error);
}

static void add_notes(const Reading *reading, const SessionMachine *machine,
                      const char *label)
{
    for (guint i = 0; i < machine->notes->len; i++) {
        g_ptr_array_add(reading->missing,
                        g_strdup_printf("%s: %s", label,
                                        (char *)machine->notes->pdata[i]));
    }
}

/* host is the session's own, NULL for itself or where it can't be read. */
static TimelineInput *append_machine(const Reading *reading,
                                     const Session *session,
                                     const SessionMachine *machine,
                                     const char *dir, const TimelineInput *host)
{
    g_autofree char *label = make_label(reading, session, machine->name);
    g_autoptr(GError) error = NULL;
    g_autoptr(TimelineInput) input = NULL;

    add_notes(reading, machine, label);
    input = open_machine(reading->files, session, machine, dir, label, &error);
    if (!input || !nest_machine(input, host, reading, &error)) {
        /* A file that could not be made is missing for a reason just told. */
        if (machine->notes->len == 0 ||
            !g_error_matches(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)) {
            g_ptr_array_add(reading->missing, g_strdup(error->message));
        }
        return NULL;
    }
    input->file = reading->inputs->len;
    if (host) {
        input->host = host;
    }
    g_ptr_array_add(reading->inputs, input);
    return g_steal_pointer(&input);
}

static gboolean read_session(const Reading *reading, const char *dir,
                             GError **error);

/* A session that was recorded on this machine, beside its .dat file. */
static gboolean read_inner(const Reading *reading, const char *dir,
                           const char *name, const TimelineInput *machine,
                           GError **error)
{
    g_autofree char *inner = g_build_filename(dir, name, NULL);
    g_autofree char *file = g_build_filename(inner, SESSION_FILE_NAME, NULL);
    Reading deeper = *reading;

    if (!opened_files_has(reading->files, file)) {
        return TRUE;
    }
    deeper.machine = machine;
    deeper.depth++;
    if (deeper.depth > SESSION_MAX_DEPTH) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
                    "%s: sessions are nested too deep", inner);
        return FALSE;
    }
    return read_session(&deeper, inner, error);
}

static gboolean read_machines(const Reading *reading, const Session *session,
                              const char *dir, GError **error)
{
    g_autofree const TimelineInput **machines =
        g_new0(const TimelineInput *, session->machines->len + 1);
    const TimelineInput *host = NULL;

    for (guint i = 0; i < session->machines->len; i++) {
        const SessionMachine *machine = session->machines->pdata[i];

        if (machine->role == SESSION_GUEST && reading->machine && !host) {
            g_ptr_array_add(reading->missing,
                            g_strdup_printf("%s: without its host's recording "
                                            "its clock cannot be told",
                                            machine->name));
            continue;
        }
        machines[i] =
            append_machine(reading, session, machine, dir,
                           machine->role == SESSION_GUEST ? host : NULL);
        if (machine->role == SESSION_HOST) {
            host = machines[i];
        }
    }
    for (guint i = 0; i < session->machines->len; i++) {
        const SessionMachine *machine = session->machines->pdata[i];

        if (machines[i] && machine->role == SESSION_GUEST &&
            !read_inner(reading, dir, machine->name, machines[i], error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean read_session(const Reading *reading, const char *dir,
                             GError **error)
{
    g_autoptr(Session) session = session_load_from(reading->files, dir, error);
    guint n_before = reading->inputs->len;

    if (!session) {
        return FALSE;
    }
    if (session->state == SESSION_RECORDING) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
                    "%s: the recording was not finished; run "
                    "'qemu-trace-merge recover %s' first",
                    dir, dir);
        return FALSE;
    }
    if (!read_machines(reading, session, dir, error)) {
        return FALSE;
    }
    if (reading->inputs->len == n_before) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                    "%s: holds no recording that can be read", dir);
        return FALSE;
    }
    return TRUE;
}

gboolean session_timeline_append(GPtrArray *inputs, const OpenedFiles *files,
                                 const char *dir, gboolean is_one_of_many,
                                 GPtrArray *missing, GError **error)
{
    const Reading reading = {
        .inputs = inputs,
        .files = files,
        .missing = missing,
        .is_one_of_many = is_one_of_many,
    };

    return read_session(&reading, dir, error);
}

gboolean session_timeline_append_nested(GPtrArray *inputs,
                                        const OpenedFiles *files,
                                        const char *dir,
                                        const TimelineInput *machine,
                                        GPtrArray *missing, GError **error)
{
    const Reading reading = {
        .inputs = inputs,
        .files = files,
        .missing = missing,
        .machine = machine,
        .is_one_of_many = TRUE,
        .depth = 1,
    };

    return read_session(&reading, dir, error);
}
