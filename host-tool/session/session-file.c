/*
 * What session.json tells, in memory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/session-file-private.h"

#include <errno.h>
#include <string.h>

const char *const session_state_names[SESSION_N_STATES] = {
    [SESSION_RECORDING] = "recording",
    [SESSION_RECORDED] = "recorded",
    [SESSION_COMPLETE] = "complete",
};

const char *const session_role_names[SESSION_N_ROLES] = {
    [SESSION_HOST] = "host",
    [SESSION_GUEST] = "guest",
};

const char *const session_cause_names[SESSION_N_CAUSES] = {
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

    if (length == 0 || length > SESSION_MAX_NAME || name[0] == '.' ||
        name[0] == '-') {
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

gboolean session_throw_errno(GError **error, const char *what, const char *path)
{
    int code = errno;

    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(code),
                "cannot %s '%s': %s", what, path, g_strerror(code));
    return FALSE;
}
