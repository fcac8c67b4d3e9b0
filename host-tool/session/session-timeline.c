/*
 * The inputs of a session's timeline: its .dat files with its clocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/session-timeline.h"

#include <gio/gio.h>

#include "merge/timeline.h"
#include "session/session-file.h"

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

static TimelineInput *open_machine(const Session *session,
                                   const SessionMachine *machine,
                                   const char *dir, GError **error)
{
    g_autofree char *path = g_build_filename(dir, machine->dat_file, NULL);
    TimelineInput *input = timeline_input_open(path, machine->name, error);

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

GPtrArray *session_timeline_open(const char *dir, GPtrArray **missing,
                                 GError **error)
{
    g_autoptr(Session) session = session_load(dir, error);
    g_autoptr(GPtrArray) inputs = NULL;

    if (!session) {
        return NULL;
    }
    if (session->state == SESSION_RECORDING) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
                    "%s: the recording was not finished; run "
                    "'qemu-trace-merge recover %s' first",
                    dir, dir);
        return NULL;
    }
    inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);
    *missing = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < session->machines->len; i++) {
        const SessionMachine *machine = session->machines->pdata[i];
        g_autoptr(GError) problem = NULL;
        TimelineInput *input = open_machine(session, machine, dir, &problem);

        for (guint n = 0; n < machine->notes->len; n++) {
            g_ptr_array_add(*missing,
                            g_strdup_printf("%s: %s", machine->name,
                                            (char *)machine->notes->pdata[n]));
        }
        if (input) {
            input->file = i;
            /* The host is the first of them, if it can be read. */
            if (machine->role == SESSION_GUEST && inputs->len > 0) {
                const TimelineInput *first = inputs->pdata[0];

                input->host = first->vcpu_threads ? NULL : first;
            }
            g_ptr_array_add(inputs, input);
        } else {
            g_ptr_array_add(*missing, g_strdup(problem->message));
        }
    }
    if (inputs->len == 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                    "%s: holds no recording that can be read", dir);
        return NULL;
    }
    return g_steal_pointer(&inputs);
}
