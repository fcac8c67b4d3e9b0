/*
 * Saving and loading session.json.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/session-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "connection/json-read.h"
#include "session/session-error.h"

#define MAX_FILE_BYTES (16u << 20)
#define MAX_DEPTH      16
#define MAX_MACHINES   256
#define MAX_VCPUS      4096
#define MAX_CPUS       4096
#define MAX_SEGMENTS   100000
#define MAX_NOTES      10000
#define MAX_NAME       100
#define MAX_TEXT       4096

static const char *const state_names[] = {
    [SESSION_RECORDING] = "recording",
    [SESSION_RECORDED] = "recorded",
    [SESSION_COMPLETE] = "complete",
};

static const char *const role_names[] = {
    [SESSION_HOST] = "host",
    [SESSION_GUEST] = "guest",
};

static const char *const cause_names[] = {
    [TRACE_FREEZE_HOST] = "host",
    [TRACE_FREEZE_SIGNAL] = "signal",
    [TRACE_FREEZE_COMMAND] = "command",
    [TRACE_FREEZE_TRACING_OFF] = "tracing-off",
    [TRACE_FREEZE_TRACER] = "tracer",
    [TRACE_FREEZE_MARKER] = "marker",
};

gboolean session_name_is_valid(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length > MAX_NAME || name[0] == '.' || name[0] == '-') {
        return FALSE;
    }
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isalnum(name[i]) && !strchr("._-+@", name[i])) {
            return FALSE;
        }
    }
    return TRUE;
}

static void free_vcpu(gpointer data)
{
    SessionVcpu *vcpu = data;

    g_free(vcpu->qom_path);
    g_array_unref(vcpu->segments);
    g_free(vcpu);
}

static void free_machine(gpointer data)
{
    SessionMachine *machine = data;

    g_free(machine->name);
    g_free(machine->stream_file);
    g_free(machine->dat_file);
    g_free(machine->accelerator);
    g_ptr_array_unref(machine->vcpus);
    g_array_unref(machine->cpus);
    g_ptr_array_unref(machine->notes);
    g_free(machine);
}

Session *session_new(const char *name)
{
    Session *session = g_new0(Session, 1);
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();

    session->name = g_strdup(name);
    session->created = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
    session->state = SESSION_RECORDING;
    session->machines = g_ptr_array_new_with_free_func(free_machine);
    return session;
}

void session_free(Session *session)
{
    if (session) {
        g_free(session->name);
        g_free(session->created);
        g_free(session->tsc_source);
        g_ptr_array_unref(session->machines);
        g_free(session);
    }
}

SessionMachine *session_add_machine(Session *session, SessionRole role,
                                    const char *name)
{
    SessionMachine *machine = g_new0(SessionMachine, 1);

    machine->role = role;
    machine->name = g_strdup(name);
    machine->stream_file = g_strconcat(name, ".stream", NULL);
    machine->dat_file = g_strconcat(name, ".dat", NULL);
    machine->vcpus = g_ptr_array_new_with_free_func(free_vcpu);
    machine->cpus = g_array_new(FALSE, TRUE, sizeof(SessionCpu));
    machine->notes = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(session->machines, machine);
    return machine;
}

SessionVcpu *session_machine_add_vcpu(SessionMachine *machine)
{
    SessionVcpu *vcpu = g_new0(SessionVcpu, 1);

    vcpu->guest_cpu = SESSION_NO_GUEST_CPU;
    vcpu->segments = g_array_new(FALSE, FALSE, sizeof(ClockSegment));
    g_ptr_array_add(machine->vcpus, vcpu);
    return vcpu;
}

/* --- saving --- */

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
    add_string(object, "cause", cause_names[freeze->cause]);
    return object;
}

static json_object *save_machine(const SessionMachine *machine)
{
    json_object *object = json_object_new_object();
    json_object *vcpus = json_object_new_array();
    json_object *cpus = json_object_new_array();
    json_object *notes = json_object_new_array();

    add_string(object, "role", role_names[machine->role]);
    add_string(object, "name", machine->name);
    add_string(object, "stream-file", machine->stream_file);
    add_string(object, "dat-file", machine->dat_file);
    add_string(object, "accelerator", machine->accelerator);
    add_uint64(object, "trace-id", machine->trace_id);
    json_object_object_add(object, "ended",
                           json_object_new_boolean(machine->ended));
    if (machine->freeze.cause != TRACE_FREEZE_NONE &&
        machine->freeze.cause < G_N_ELEMENTS(cause_names)) {
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
    add_string(object, "state", state_names[session->state]);
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

static gboolean throw_errno(GError **error, const char *what, const char *path)
{
    int code = errno;

    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(code),
                "cannot %s '%s': %s", what, path, g_strerror(code));
    return FALSE;
}

static gboolean write_file(int fd, const char *path, const char *text,
                           GError **error)
{
    size_t length = strlen(text);

    while (length > 0) {
        ssize_t n = write(fd, text, length);

        if (n < 0 && errno != EINTR) {
            return throw_errno(error, "write", path);
        }
        if (n > 0) {
            text += n;
            length -= n;
        }
    }
    return fsync(fd) == 0 || throw_errno(error, "write", path);
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
        return throw_errno(error, "create", new_path);
    }
    ok = write_file(fd, new_path, text, error);
    if (close(fd) < 0 && ok) {
        ok = throw_errno(error, "write", new_path);
    }
    if (ok && rename(new_path, path) < 0) {
        ok = throw_errno(error, "replace", path);
    }
    if (ok) {
        sync_directory(dir);
    } else {
        unlink(new_path);
    }
    return ok;
}

/* --- loading: each function returns FALSE at the first thing amiss --- */

static gboolean load_name_index(const char *name, const char *const *names,
                                size_t n_names, guint *index)
{
    for (size_t i = 0; name && i < n_names; i++) {
        if (g_str_equal(name, names[i])) {
            *index = i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean load_text(json_object *object, const char *key, char **text)
{
    const char *found = json_read_string(object, key, MAX_TEXT);

    if (!found) {
        return !json_object_object_get_ex(object, key, NULL);
    }
    g_free(*text);
    *text = g_strdup(found);
    return TRUE;
}

static gboolean load_file_name(json_object *object, const char *key,
                               char **name)
{
    const char *found = json_read_string(object, key, MAX_TEXT);
    g_autofree char *stem = NULL;
    char *dot;

    if (!found || !g_str_is_ascii(found)) {
        return FALSE;
    }
    stem = g_strdup(found);
    dot = strrchr(stem, '.');
    if (!dot) {
        return FALSE;
    }
    *dot = '\0';
    if (!session_name_is_valid(stem) || strchr(found, '/') ||
        g_str_equal(found, SESSION_FILE_NAME)) {
        return FALSE;
    }
    g_free(*name);
    *name = g_strdup(found);
    return TRUE;
}

static gboolean load_segment(json_object *object, const GArray *before,
                             ClockSegment *segment)
{
    const char *provenance = json_read_string(object, "provenance", MAX_NAME);
    uint64_t frac_bits;

    if (!json_read_uint64(object, "from-host-ticks", UINT64_MAX,
                          &segment->from_host_ticks) ||
        !json_read_uint64(object, "to-host-ticks", UINT64_MAX,
                          &segment->to_host_ticks) ||
        !json_read_int64(object, "offset-ticks", INT64_MIN, INT64_MAX,
                         &segment->map.offset_ticks) ||
        !json_read_uint64(object, "ratio", UINT64_MAX, &segment->map.ratio) ||
        !json_read_uint64(object, "frac-bits", 63, &frac_bits) ||
        !json_read_uint64(object, "error-ticks", UINT64_MAX,
                          &segment->error_ticks) ||
        !provenance ||
        !clock_provenance_parse(provenance, &segment->provenance)) {
        return FALSE;
    }
    segment->map.frac_bits = frac_bits;
    if (segment->map.ratio == 0 ||
        segment->from_host_ticks > segment->to_host_ticks) {
        return FALSE;
    }
    return before->len == 0 ||
           g_array_index(before, ClockSegment, before->len - 1).to_host_ticks <
               segment->from_host_ticks;
}

static gboolean load_segments(json_object *list, GArray *segments)
{
    size_t n = list ? json_object_array_length(list) : 0;

    for (size_t i = 0; i < n; i++) {
        ClockSegment segment = {0};

        if (!load_segment(json_object_array_get_idx(list, i), segments,
                          &segment)) {
            return FALSE;
        }
        g_array_append_val(segments, segment);
    }
    return list != NULL;
}

static gboolean load_vcpu(json_object *object, SessionMachine *machine)
{
    SessionVcpu *vcpu = session_machine_add_vcpu(machine);
    int64_t thread_id;
    int64_t guest_cpu = SESSION_NO_GUEST_CPU;

    if (!json_read_uint32(object, "cpu-index", &vcpu->cpu_index) ||
        !json_read_uint32(object, "apic-id", &vcpu->apic_id) ||
        !json_read_int64(object, "thread-id", 0, INT32_MAX, &thread_id) ||
        !load_text(object, "qom-path", &vcpu->qom_path)) {
        return FALSE;
    }
    if (json_object_object_get_ex(object, "guest-cpu", NULL) &&
        !json_read_int64(object, "guest-cpu", 0, MAX_CPUS - 1, &guest_cpu)) {
        return FALSE;
    }
    vcpu->thread_id = thread_id;
    vcpu->guest_cpu = guest_cpu;
    return load_segments(json_read_array(object, "segments", MAX_SEGMENTS),
                         vcpu->segments);
}

static gboolean load_cpu(json_object *object, SessionMachine *machine)
{
    SessionCpu cpu = {0};

    if (!json_read_uint32(object, "cpu", &cpu.cpu) || cpu.cpu >= MAX_CPUS ||
        !json_read_uint64(object, "read-events", UINT64_MAX,
                          &cpu.read_events) ||
        !json_read_uint64(object, "overrun-events", UINT64_MAX,
                          &cpu.overrun_events) ||
        !json_read_uint64(object, "dropped-events", UINT64_MAX,
                          &cpu.dropped_events) ||
        !json_read_uint64(object, "unread-events", UINT64_MAX,
                          &cpu.unread_events) ||
        !json_read_uint64(object, "pages", UINT64_MAX, &cpu.pages)) {
        return FALSE;
    }
    g_array_append_val(machine->cpus, cpu);
    return TRUE;
}

static gboolean load_note(json_object *object, SessionMachine *machine)
{
    if (!json_object_is_type(object, json_type_string)) {
        return FALSE;
    }
    g_ptr_array_add(machine->notes,
                    json_printable(json_object_get_string(object), MAX_TEXT));
    return TRUE;
}

static gboolean load_list(json_object *object, const char *key, size_t max,
                          SessionMachine *machine,
                          gboolean (*load)(json_object *, SessionMachine *))
{
    json_object *list = json_read_array(object, key, max);
    size_t n = list ? json_object_array_length(list) : 0;

    for (size_t i = 0; i < n; i++) {
        if (!load(json_object_array_get_idx(list, i), machine)) {
            return FALSE;
        }
    }
    return list != NULL;
}

static gboolean load_freeze(json_object *machine_object, TraceFreeze *freeze)
{
    json_object *object =
        json_read_member(machine_object, "freeze", json_type_object);
    const char *cause;
    guint index;

    if (!object) {
        return !json_object_object_get_ex(machine_object, "freeze", NULL);
    }
    cause = json_read_string(object, "cause", MAX_NAME);
    /* The first name is missing: it is that of no freeze. */
    if (!load_name_index(cause, cause_names + 1, G_N_ELEMENTS(cause_names) - 1,
                         &index) ||
        !json_read_uint64(object, "from-ticks", UINT64_MAX,
                          &freeze->from_ticks) ||
        !json_read_uint64(object, "to-ticks", UINT64_MAX, &freeze->to_ticks)) {
        return FALSE;
    }
    freeze->cause = index + 1;
    return TRUE;
}

static gboolean load_machine(json_object *object, Session *session)
{
    const char *name = json_read_string(object, "name", MAX_NAME);
    const char *role = json_read_string(object, "role", MAX_NAME);
    SessionMachine *machine;
    guint role_index;

    if (!name || !session_name_is_valid(name) ||
        !load_name_index(role, role_names, G_N_ELEMENTS(role_names),
                         &role_index) ||
        (role_index == SESSION_HOST) != (session->machines->len == 0)) {
        return FALSE;
    }
    machine = session_add_machine(session, role_index, name);
    return load_file_name(object, "stream-file", &machine->stream_file) &&
           load_file_name(object, "dat-file", &machine->dat_file) &&
           load_text(object, "accelerator", &machine->accelerator) &&
           json_read_uint64(object, "trace-id", UINT64_MAX,
                            &machine->trace_id) &&
           json_read_bool(object, "ended", &machine->ended) &&
           load_freeze(object, &machine->freeze) &&
           load_list(object, "vcpus", MAX_VCPUS, machine, load_vcpu) &&
           load_list(object, "cpus", MAX_CPUS, machine, load_cpu) &&
           load_list(object, "notes", MAX_NOTES, machine, load_note);
}

gboolean session_wall_offset(const Session *session, int64_t *offset_ns)
{
    unsigned __int128 line_ns =
        (unsigned __int128)session->wall_ticks * session->tsc_mult >>
        session->tsc_shift;

    if (session->wall_ns == 0 || session->tsc_mult == 0 ||
        line_ns > INT64_MAX) {
        return FALSE;
    }
    *offset_ns = (int64_t)session->wall_ns - (int64_t)line_ns;
    return TRUE;
}

/* Sessions of older versions have none. */
static gboolean load_wall(json_object *tsc, Session *session)
{
    return !json_object_object_get_ex(tsc, "wall-ns", NULL) ||
           (json_read_uint64(tsc, "wall-ns", INT64_MAX, &session->wall_ns) &&
            json_read_uint64(tsc, "wall-ticks", UINT64_MAX,
                             &session->wall_ticks));
}

static gboolean load_tsc(json_object *object, Session *session)
{
    json_object *tsc = json_read_member(object, "tsc", json_type_object);

    return tsc && json_read_uint32(tsc, "mult", &session->tsc_mult) &&
           json_read_uint32(tsc, "shift", &session->tsc_shift) &&
           session->tsc_shift < 64 &&
           json_read_uint32(tsc, "khz", &session->host_tsc_khz) &&
           load_text(tsc, "source", &session->tsc_source) &&
           load_wall(tsc, session);
}

/* Sessions of older versions have none. */
static gboolean load_certificate(json_object *session_object,
                                 SessionCertificate *certificate)
{
    json_object *object =
        json_read_member(session_object, "certificate", json_type_object);

    if (!object) {
        return TRUE;
    }
    certificate->is_known = TRUE;
    certificate->has_interval =
        json_read_int64(object, "error-low-ns", INT64_MIN, INT64_MAX,
                        &certificate->low_ns) &&
        json_read_int64(object, "error-high-ns", INT64_MIN, INT64_MAX,
                        &certificate->high_ns);
    return json_read_uint64(object, "inside", UINT64_MAX,
                            &certificate->inside_events) &&
           json_read_uint64(object, "outside", UINT64_MAX,
                            &certificate->outside_events) &&
           json_read_uint64(object, "uncheckable", UINT64_MAX,
                            &certificate->uncheckable_events) &&
           json_read_uint64(object, "lost", UINT64_MAX,
                            &certificate->lost_events) &&
           json_read_uint64(object, "inexact", UINT64_MAX,
                            &certificate->inexact_events) &&
           json_read_uint64(object, "windows", UINT64_MAX,
                            &certificate->windows);
}

static gboolean load_session(json_object *object, Session *session)
{
    json_object *list = json_read_array(object, "machines", MAX_MACHINES);
    const char *state = json_read_string(object, "state", MAX_NAME);
    size_t n = list ? json_object_array_length(list) : 0;
    guint state_index;

    if (!load_text(object, "created", &session->created) ||
        !load_name_index(state, state_names, G_N_ELEMENTS(state_names),
                         &state_index) ||
        !load_tsc(object, session) ||
        !load_certificate(object, &session->certificate)) {
        return FALSE;
    }
    session->state = state_index;
    for (size_t i = 0; i < n; i++) {
        if (!load_machine(json_object_array_get_idx(list, i), session)) {
            return FALSE;
        }
    }
    return n > 0;
}

static Session *parse_session(json_object *object, const char *path,
                              GError **error)
{
    const char *name = json_read_string(object, "name", MAX_NAME);
    g_autoptr(Session) session = NULL;
    int64_t format = 0;

    json_read_int64(object, "format", 0, INT64_MAX, &format);
    if (format > SESSION_FILE_FORMAT) {
        g_set_error(error, SESSION_ERROR, SESSION_ERROR_FORMAT,
                    "'%s' was written by a newer qemu-trace-merge (format "
                    "%" G_GINT64_FORMAT "); read it with that one",
                    path, format);
        return NULL;
    }
    if (format == SESSION_FILE_FORMAT && name && session_name_is_valid(name)) {
        session = session_new(name);
        if (load_session(object, session)) {
            return g_steal_pointer(&session);
        }
    }
    g_set_error(error, SESSION_ERROR, SESSION_ERROR_FORMAT,
                "'%s' is not a valid session file", path);
    return NULL;
}

/* As much as there is, up to size; a file system may give less at a time. */
static ssize_t read_all(int fd, char *text, size_t size)
{
    size_t done = 0;
    ssize_t n = 1;

    while (n != 0 && done < size) {
        n = pread(fd, text + done, size - done, (off_t)done);
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        done += MAX(n, 0);
    }
    return (ssize_t)done;
}

/* Most often another path was meant, or a file of the session was named. */
static gboolean throw_not_opened(GError **error, const char *dir,
                                 const char *path)
{
    if (errno == ENOTDIR) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOTDIR,
                    "'%s' is not a directory; name the session's directory, "
                    "or let report, explain or check read a single file with "
                    "-i FILE",
                    dir);
    } else if (errno == ENOENT) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                    "cannot open '%s': %s; name a directory that "
                    "'qemu-trace-merge record' made",
                    path, g_strerror(ENOENT));
    } else if (errno == EACCES) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_ACCES,
                    "cannot open '%s': %s; a recording is for its owner's eyes "
                    "only: run this as that user, or with sudo",
                    path, g_strerror(EACCES));
    } else {
        throw_errno(error, "open", path);
    }
    return FALSE;
}

static char *read_file(const OpenedFiles *files, const char *dir,
                       const char *path, size_t *length, GError **error)
{
    int fd = opened_files_open(files, path);
    g_autofree char *text = NULL;
    off_t size;
    ssize_t n;

    if (fd < 0 && errno != EISDIR) {
        throw_not_opened(error, dir, path);
        return NULL;
    }
    /* A confined process may not stat. */
    size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (size < 0 || size > MAX_FILE_BYTES) {
        g_set_error(error, SESSION_ERROR, SESSION_ERROR_FORMAT,
                    "'%s' is no regular file of at most %u bytes", path,
                    MAX_FILE_BYTES);
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    text = g_malloc((gsize)size + 1);
    n = read_all(fd, text, (size_t)size);
    close(fd);
    if (n != size) {
        errno = n < 0 ? errno : EIO;
        throw_errno(error, "read", path);
        return NULL;
    }
    *length = (size_t)n;
    return g_steal_pointer(&text);
}

Session *session_parse(const char *text, size_t length, const char *path,
                       GError **error)
{
    g_autoptr(json_object) object = NULL;
    struct json_tokener *tokener;

    if (length <= MAX_FILE_BYTES) {
        tokener = json_tokener_new_ex(MAX_DEPTH);
        object = json_tokener_parse_ex(tokener, text, (int)length);
        json_tokener_free(tokener);
    }
    return parse_session(object, path, error);
}

Session *session_load_from(const OpenedFiles *files, const char *dir,
                           GError **error)
{
    g_autofree char *path = g_build_filename(dir, SESSION_FILE_NAME, NULL);
    size_t length = 0;
    g_autofree char *text = read_file(files, dir, path, &length, error);

    return text ? session_parse(text, length, path, error) : NULL;
}

Session *session_load(const char *dir, GError **error)
{
    return session_load_from(NULL, dir, error);
}
