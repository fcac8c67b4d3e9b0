/*
 * Saving session.json.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/session-file-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

#include "connection/json-read.h"

static void add_string(json_object *object, const char *key, const char *text)
{
    if (text) {
        json_object_object_add(object, key, json_object_new_string(text));
    }
}

static void add_uint64(json_object *object, const char *key, uint64_t value)
{
    json_object_object_add(object, key, json_object_new_uint64(value));
}

static void add_int64(json_object *object, const char *key, int64_t value)
{
    json_object_object_add(object, key, json_object_new_int64(value));
}

static json_object *save_segment(const ClockSegment *segment)
{
    json_object *object = json_object_new_object();

    add_uint64(object, "from-host-ticks", segment->from_host_ticks);
    add_uint64(object, "to-host-ticks", segment->to_host_ticks);
    add_int64(object, "offset-ticks", segment->map.offset_ticks);
    add_uint64(object, "ratio", segment->map.ratio);
    add_uint64(object, "frac-bits", segment->map.frac_bits);
    add_uint64(object, "error-ticks", segment->error_ticks);
    add_string(object, "provenance",
               clock_provenance_name(segment->provenance));
    return object;
}

static json_object *save_vcpu(const SessionVcpu *vcpu)
{
    json_object *object = json_object_new_object();
    json_object *segments = json_object_new_array();

    add_uint64(object, "cpu-index", vcpu->cpu_index);
    add_uint64(object, "apic-id", vcpu->apic_id);
    add_int64(object, "thread-id", vcpu->thread_id);
    if (vcpu->guest_cpu != SESSION_NO_GUEST_CPU) {
        add_int64(object, "guest-cpu", vcpu->guest_cpu);
    }
    add_string(object, "qom-path", vcpu->qom_path);
    for (guint i = 0; i < vcpu->segments->len; i++) {
        json_object_array_add(segments, save_segment(&g_array_index(
                                            vcpu->segments, ClockSegment, i)));
    }
    json_object_object_add(object, "segments", segments);
    return object;
}

static json_object *save_cpu(const SessionCpu *cpu)
{
    json_object *object = json_object_new_object();

    add_uint64(object, "cpu", cpu->cpu);
    add_uint64(object, "read-events", cpu->read_events);
    add_uint64(object, "overrun-events", cpu->overrun_events);
    add_uint64(object, "dropped-events", cpu->dropped_events);
    add_uint64(object, "unread-events", cpu->unread_events);
    add_uint64(object, "pages", cpu->pages);
    return object;
}

static json_object *save_freeze(const TraceFreeze *freeze)
{
    json_object *object = json_object_new_object();

    add_uint64(object, "from-ticks", freeze->from_ticks);
    add_uint64(object, "to-ticks", freeze->to_ticks);
    add_string(object, "cause", session_cause_names[freeze->cause]);
    return object;
}

static json_object *save_machine(const SessionMachine *machine)
{
    json_object *object = json_object_new_object();
    json_object *vcpus = json_object_new_array();
    json_object *cpus = json_object_new_array();
    json_object *notes = json_object_new_array();

    add_string(object, "role", session_role_names[machine->role]);
    add_string(object, "name", machine->name);
    add_string(object, "stream-file", machine->stream_file);
    add_string(object, "dat-file", machine->dat_file);
    add_string(object, "accelerator", machine->accelerator);
    add_uint64(object, "trace-id", machine->trace_id);
    json_object_object_add(object, "ended",
                           json_object_new_boolean(machine->ended));
    if (machine->freeze.cause != TRACE_FREEZE_NONE &&
        machine->freeze.cause < G_N_ELEMENTS(session_cause_names)) {
        json_object_object_add(object, "freeze", save_freeze(&machine->freeze));
    }
    for (guint i = 0; i < machine->vcpus->len; i++) {
        json_object_array_add(vcpus, save_vcpu(machine->vcpus->pdata[i]));
    }
    for (guint i = 0; i < machine->cpus->len; i++) {
        json_object_array_add(cpus, save_cpu(&g_array_index(machine->cpus,
                                                            SessionCpu, i)));
    }
    for (guint i = 0; i < machine->notes->len; i++) {
        json_object_array_add(notes,
                              json_object_new_string(machine->notes->pdata[i]));
    }
    json_object_object_add(object, "vcpus", vcpus);
    json_object_object_add(object, "cpus", cpus);
    json_object_object_add(object, "notes", notes);
    return object;
}

static json_object *save_certificate(const SessionCertificate *certificate)
{
    json_object *object = json_object_new_object();

    add_uint64(object, "inside", certificate->inside_events);
    add_uint64(object, "outside", certificate->outside_events);
    add_uint64(object, "uncheckable", certificate->uncheckable_events);
    add_uint64(object, "lost", certificate->lost_events);
    add_uint64(object, "inexact", certificate->inexact_events);
    add_uint64(object, "windows", certificate->windows);
    if (certificate->has_interval) {
        json_object_object_add(object, "error-low-ns",
                               json_object_new_int64(certificate->low_ns));
        json_object_object_add(object, "error-high-ns",
                               json_object_new_int64(certificate->high_ns));
    }
    return object;
}

static json_object *save_session(const Session *session)
{
    json_object *object = json_object_new_object();
    json_object *tsc = json_object_new_object();
    json_object *machines = json_object_new_array();

    add_uint64(object, "format", SESSION_FILE_FORMAT);
    add_string(object, "written-by", "qemu-trace-merge " PROJECT_VERSION);
    add_string(object, "name", session->name);
    add_string(object, "created", session->created);
    add_string(object, "state", session_state_names[session->state]);
    add_uint64(tsc, "mult", session->tsc_mult);
    add_uint64(tsc, "shift", session->tsc_shift);
    add_uint64(tsc, "khz", session->host_tsc_khz);
    add_string(tsc, "source", session->tsc_source);
    if (session->wall_ns) {
        add_uint64(tsc, "wall-ticks", session->wall_ticks);
        add_uint64(tsc, "wall-ns", session->wall_ns);
    }
    json_object_object_add(object, "tsc", tsc);
    for (guint i = 0; i < session->machines->len; i++) {
        json_object_array_add(machines,
                              save_machine(session->machines->pdata[i]));
    }
    json_object_object_add(object, "machines", machines);
    if (session->certificate.is_known) {
        json_object_object_add(object, "certificate",
                               save_certificate(&session->certificate));
    }
    return object;
}

static gboolean write_file(int fd, const char *path, const char *text,
                           GError **error)
{
    size_t length = strlen(text);

    while (length > 0) {
        ssize_t n = write(fd, text, length);

        if (n < 0 && errno != EINTR) {
            return session_throw_errno(error, "write", path);
        }
        if (n > 0) {
            text += n;
            length -= n;
        }
    }
    return fsync(fd) == 0 || session_throw_errno(error, "write", path);
}

static void sync_directory(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    /* The rename itself is atomic; this only makes it last a power cut. */
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

gboolean session_save(const Session *session, const char *dir, GError **error)
{
    g_autoptr(json_object) object = save_session(session);
    g_autofree char *path = g_build_filename(dir, SESSION_FILE_NAME, NULL);
    g_autofree char *new_path = g_strconcat(path, ".new", NULL);
    g_autofree char *text = g_strconcat(
        json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
                                                   JSON_C_TO_STRING_SPACED),
        "\n", NULL);
    gboolean ok;
    int fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0) {
        return session_throw_errno(error, "create", new_path);
    }
    ok = write_file(fd, new_path, text, error);
    if (close(fd) < 0 && ok) {
        ok = session_throw_errno(error, "write", new_path);
    }
    if (ok && rename(new_path, path) < 0) {
        ok = session_throw_errno(error, "replace", path);
    }
    if (ok) {
        sync_directory(dir);
    } else {
        unlink(new_path);
    }
    return ok;
}
