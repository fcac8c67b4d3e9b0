/*
 * Making the .dat files of a session.
 *
 * The files refer to each other, so this goes round twice: all HELLOs first,
 * then the host's file, whose events tell the guests' clocks, then theirs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/session-dats.h"

#include <sys/stat.h>

#include "qga/trace-stream.h"
#include "session/guest-clock.h"
#include "session/host-changes.h"
#include "session/infer-offsets.h"
#include "session/make-dat.h"
#include "session/session-certificate.h"
#include "session/session-error.h"
#include "trace-data/offset-changes.h"

typedef struct Maker {
    Session *session;
    const char *dir;
    GPtrArray *const *queries;
    const Limits *limits;
    GArray *changes; /* of OffsetChange; empty without the host's file */
    guint n_made;
    GError *failure; /* the first one */
} Maker;

static SessionMachine *machine_at(const Maker *maker, guint i)
{
    return maker->session->machines->pdata[i];
}

static void note(SessionMachine *machine, const char *text)
{
    for (guint i = 0; i < machine->notes->len; i++) {
        if (g_str_equal(machine->notes->pdata[i], text)) {
            return;
        }
    }
    g_ptr_array_add(machine->notes, g_strdup(text));
}

/* Killed before a machine's first frame came, a recording has the others'. */
static gboolean has_begun(const Maker *maker, const SessionMachine *machine)
{
    g_autofree char *path =
        g_build_filename(maker->dir, machine->stream_file, NULL);
    struct stat info;

    return stat(path, &info) == 0 &&
           info.st_size >=
               (off_t)(sizeof(TraceFrameHeader) + sizeof(TraceHello));
}

/* FALSE, and a note, for a machine that has nothing to make a file of. */
static gboolean peek(Maker *maker, SessionMachine *machine)
{
    g_autoptr(GArray) hello_cpus = NULL;
    g_autoptr(GError) error = NULL;

    if (!make_dat_peek(maker->dir, machine, maker->limits, &hello_cpus,
                       &error)) {
        note(machine, error->message);
        if (!maker->failure && has_begun(maker, machine)) {
            g_prefix_error(&error,
                           "nothing of '%s' can be read: ", machine->name);
            maker->failure = g_steal_pointer(&error);
        }
        return FALSE;
    }
    if (machine->role == SESSION_GUEST) {
        guest_clock_match_cpus(machine, hello_cpus);
    }
    return TRUE;
}

static void free_dat_guest(gpointer data)
{
    DatGuest *guest = data;

    g_free(guest->name);
    g_array_unref(guest->threads);
    g_free(guest);
}

static DatGuest *new_dat_guest(const SessionMachine *machine)
{
    DatGuest *guest = g_new0(DatGuest, 1);

    guest->name = g_strdup(machine->name);
    guest->trace_id = machine->trace_id;
    guest->threads = g_array_new(FALSE, TRUE, sizeof(int32_t));
    for (guint i = 0; i < machine->vcpus->len; i++) {
        const SessionVcpu *vcpu = machine->vcpus->pdata[i];

        if (vcpu->guest_cpu < 0) {
            continue;
        }
        if ((guint)vcpu->guest_cpu >= guest->threads->len) {
            g_array_set_size(guest->threads, vcpu->guest_cpu + 1);
        }
        g_array_index(guest->threads, int32_t, vcpu->guest_cpu) =
            vcpu->thread_id;
    }
    return guest;
}

static DatOptions common_options(const Maker *maker,
                                 const SessionMachine *machine)
{
    return (DatOptions){
        .tsc_mult = maker->session->tsc_mult,
        .tsc_shift = maker->session->tsc_shift,
        .trace_id = machine->trace_id,
    };
}

static gboolean make(Maker *maker, SessionMachine *machine,
                     const DatOptions *options)
{
    GError *error = NULL;

    if (make_dat(maker->dir, machine, options, maker->limits, NULL, &error)) {
        maker->n_made++;
        return TRUE;
    }
    note(machine, error->message);
    if (maker->failure) {
        g_error_free(error);
    } else {
        maker->failure = error;
    }
    return FALSE;
}

static void make_host(Maker *maker, const gboolean *is_readable)
{
    SessionMachine *host = machine_at(maker, 0);
    DatOptions options = common_options(maker, host);
    g_autoptr(GPtrArray) guests =
        g_ptr_array_new_with_free_func(free_dat_guest);
    g_autoptr(GError) error = NULL;
    GArray *changes;

    for (guint i = 1; i < maker->session->machines->len; i++) {
        if (is_readable[i]) {
            g_ptr_array_add(guests, new_dat_guest(machine_at(maker, i)));
        }
    }
    options.guests = guests;
    if (!make(maker, host, &options)) {
        return;
    }
    changes = host_changes_read(maker->dir, host, maker->limits, &error);
    if (!changes) {
        note(host, error->message);
        return;
    }
    g_array_unref(maker->changes);
    maker->changes = changes;
}

/* trace-cmd reads ratios in a way of its own, so a scaled guest has none. */
static GPtrArray *time_shifts(const SessionMachine *machine)
{
    GPtrArray *shifts =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);

    for (guint i = 0; i < machine->vcpus->len; i++) {
        const SessionVcpu *vcpu = machine->vcpus->pdata[i];
        GArray *list = g_array_new(FALSE, FALSE, sizeof(DatTimeShift));

        for (guint s = 0; s < vcpu->segments->len; s++) {
            const ClockSegment *segment =
                &g_array_index(vcpu->segments, ClockSegment, s);
            DatTimeShift shift = {
                .from_guest_ticks =
                    s ? clock_map_to_guest(&segment->map,
                                           segment->from_host_ticks)
                      : 0,
                .offset_ticks =
                    (int64_t)(0 - (uint64_t)segment->map.offset_ticks),
            };

            if (clock_map_is_scaled(&segment->map)) {
                g_array_unref(list);
                g_ptr_array_unref(shifts);
                return NULL;
            }
            g_array_append_val(list, shift);
        }
        if (vcpu->guest_cpu < 0) {
            g_array_unref(list);
            continue;
        }
        while (shifts->len <= (guint)vcpu->guest_cpu) {
            g_ptr_array_add(shifts,
                            g_array_new(FALSE, FALSE, sizeof(DatTimeShift)));
        }
        g_array_unref(shifts->pdata[vcpu->guest_cpu]);
        shifts->pdata[vcpu->guest_cpu] = list;
    }
    return shifts;
}

static void make_guest(Maker *maker, guint i)
{
    SessionMachine *machine = machine_at(maker, i);
    DatOptions options = common_options(maker, machine);
    g_autoptr(GPtrArray) shifts = NULL;

    if (maker->queries) {
        guest_clock_set(machine, maker->queries[i], maker->changes);
    } else {
        guest_clock_recover(machine, maker->changes);
    }
    options.peer_trace_id = machine_at(maker, 0)->trace_id;
    if (infer_offsets_are_missing(machine)) {
        /* What is searched is the file, which is made again with the result. */
        if (make(maker, machine, &options)) {
            infer_offsets(maker->dir, machine_at(maker, 0), machine,
                          maker->limits);
        }
    }
    shifts = time_shifts(machine);
    options.time_shifts = shifts;
    if (!shifts) {
        note(machine, "the guest's TSC is scaled, which trace-cmd and "
                      "KernelShark cannot show; use qemu-trace-merge report");
    }
    make(maker, machine, &options);
}

static gboolean finish(Maker *maker, GError **error)
{
    Session *session = maker->session;
    g_autoptr(GError) problem = NULL;

    if (!maker->failure && maker->n_made == 0) {
        SessionMachine *host = machine_at(maker, 0);

        g_set_error(&maker->failure, SESSION_ERROR, SESSION_ERROR_FAILED,
                    "nothing in '%s' can be read: %s", maker->dir,
                    host->notes->len ? (char *)host->notes->pdata[0]
                                     : "the streams are empty");
    }
    session->state = maker->failure ? SESSION_RECORDED : SESSION_COMPLETE;
    if (maker->failure) {
        session_save(session, maker->dir, NULL);
        g_propagate_error(error, maker->failure);
        return FALSE;
    }
    if (!session_certificate_make(session, maker->dir, maker->limits,
                                  &problem)) {
        note(machine_at(maker, 0), problem->message);
    }
    return session_save(session, maker->dir, error);
}

gboolean session_dats_make(Session *session, const char *dir,
                           GPtrArray *const *queries, const Limits *limits,
                           GError **error)
{
    Maker maker = {
        .session = session,
        .dir = dir,
        .queries = queries,
        .limits = limits,
    };
    guint n = session->machines->len;
    g_autofree gboolean *is_readable = g_new0(gboolean, n);

    maker.changes = g_array_new(FALSE, FALSE, sizeof(OffsetChange));
    for (guint i = 0; i < n; i++) {
        is_readable[i] = peek(&maker, machine_at(&maker, i));
    }
    if (is_readable[0]) {
        make_host(&maker, is_readable);
    }
    for (guint i = 1; i < n; i++) {
        if (is_readable[i]) {
            make_guest(&maker, i);
        }
    }
    g_array_unref(maker.changes);
    return finish(&maker, error);
}
