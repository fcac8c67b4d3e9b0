/*
 * Loading session.json, which others may have written.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/session-file-private.h"

#include <errno.h>
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
#define MAX_TEXT       4096

/* Each function returns FALSE at the first thing amiss. */

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
    const char *provenance =
        json_read_string(object, "provenance", SESSION_MAX_NAME);
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
    cause = json_read_string(object, "cause", SESSION_MAX_NAME);
    /* The first name is missing: it is that of no freeze. */
    if (!load_name_index(cause, session_cause_names + 1,
                         G_N_ELEMENTS(session_cause_names) - 1, &index) ||
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
    const char *name = json_read_string(object, "name", SESSION_MAX_NAME);
    const char *role = json_read_string(object, "role", SESSION_MAX_NAME);
    SessionMachine *machine;
    guint role_index;

    if (!name || !session_name_is_valid(name) ||
        !load_name_index(role, session_role_names,
                         G_N_ELEMENTS(session_role_names), &role_index) ||
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
    const char *state = json_read_string(object, "state", SESSION_MAX_NAME);
    size_t n = list ? json_object_array_length(list) : 0;
    guint state_index;

    if (!load_text(object, "created", &session->created) ||
        !load_name_index(state, session_state_names,
                         G_N_ELEMENTS(session_state_names), &state_index) ||
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
    const char *name = json_read_string(object, "name", SESSION_MAX_NAME);
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
        session_throw_errno(error, "open", path);
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
        session_throw_errno(error, "read", path);
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
