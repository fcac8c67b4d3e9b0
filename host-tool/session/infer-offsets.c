/*
 * Inferring TSC offsets from the windows in which the vCPUs ran.
 *
 * One offset for all vCPUs is tried first, as KVM and TCG give them: all
 * events of all CPUs have to agree with it.  Where they don't, each vCPU is
 * searched on its own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/infer-offsets.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "confine/confine.h"
#include "merge/offset-search.h"
#include "merge/window-list.h"
#include "trace-data/cpu-cursor.h"
#include "trace-data/dat-open.h"

/* More events than this cannot be explained by chance or by a damaged page. */
#define MAX_OUTSIDE(n_events) ((n_events) / 1000)
#define CPU_SECONDS           300
/* The windows of all vCPUs are in memory together. */
#define MEMORY_TIMES 4

/* What one guest CPU recorded, from its first to its last event. */
typedef struct CpuSpan {
    uint64_t n_events;
    uint64_t first_ticks;
    uint64_t last_ticks;
} CpuSpan;

typedef struct Job {
    int host_fd;
    int guest_fd;
    const SessionMachine *machine; /* the guest */
    const Limits *limits;
    uint64_t first_host_ticks;
    uint64_t last_host_ticks;
    gboolean may_creep; /* the offset, a little */
    GArray *guest_cpus; /* of int32_t */
    GArray *threads;    /* of int32_t: their vCPUs' */
    GPtrArray *windows; /* of GArray of HostWindow, one for each of them */
} Job;

static gboolean is_missing(const SessionVcpu *vcpu)
{
    const ClockSegment *first =
        vcpu->segments->len ? &g_array_index(vcpu->segments, ClockSegment, 0)
                            : NULL;

    return first && first->provenance == CLOCK_PROVENANCE_INFERRED &&
           first->error_ticks == UINT64_MAX;
}

gboolean infer_offsets_are_missing(const SessionMachine *machine)
{
    for (guint i = 0; i < machine->vcpus->len; i++) {
        if (is_missing(machine->vcpus->pdata[i])) {
            return TRUE;
        }
    }
    return FALSE;
}

/* --- in the confined process --- */

static CpuSpan find_span(DatFile *guest, unsigned cpu)
{
    g_autoptr(CpuCursor) cursor = cpu_cursor_new(guest, cpu, NULL, 0);
    CpuSpan span = {0};
    CpuEvent event;

    while (cpu_cursor_next(cursor, &event)) {
        if (span.n_events++ == 0) {
            span.first_ticks = event.ticks;
        }
        span.last_ticks = event.ticks;
    }
    return span;
}

static void feed(OffsetSearch *search, DatFile *guest, unsigned cpu)
{
    g_autoptr(CpuCursor) cursor = cpu_cursor_new(guest, cpu, NULL, 0);
    CpuEvent event;

    while (cpu_cursor_next(cursor, &event)) {
        offset_search_event(search, event.ticks);
    }
}

/*
 * The host recorded first and stopped last, so each guest event happened
 * between the host's first and last one.  NULL when that can't be.
 */
static OffsetSearch *new_search(const Job *job, const CpuSpan *span,
                                const GArray *windows)
{
    uint64_t host_ticks = job->last_host_ticks - job->first_host_ticks;
    uint64_t guest_ticks = span->last_ticks - span->first_ticks;

    if (span->n_events == 0 || guest_ticks > host_ticks) {
        return NULL;
    }
    return offset_search_new(windows,
                             (int64_t)(span->last_ticks - job->last_host_ticks),
                             host_ticks - guest_ticks);
}

static gboolean is_good(const OffsetBound *bound)
{
    return bound->n_events > 0 &&
           bound->n_outside <= MAX_OUTSIDE(bound->n_events);
}

static int32_t cpu_at(const Job *job, guint i)
{
    return g_array_index(job->guest_cpus, int32_t, i);
}

/* The whole guest's, from the first event of any CPU to the last of any. */
static CpuSpan whole_span(const CpuSpan *spans, guint n)
{
    CpuSpan whole = {0};

    for (guint i = 0; i < n; i++) {
        if (spans[i].n_events == 0) {
            continue;
        }
        whole.first_ticks = whole.n_events
                                ? MIN(whole.first_ticks, spans[i].first_ticks)
                                : spans[i].first_ticks;
        whole.last_ticks = MAX(whole.last_ticks, spans[i].last_ticks);
        whole.n_events += spans[i].n_events;
    }
    return whole;
}

/*
 * Under TCG the offset creeps while the guest runs (cpu_get_ticks_locked() in
 * QEMU's system/cpu-timers.c), so events may lie a little outside: by how much
 * is part of the error.
 */
static const uint64_t slacks_ticks[] = {0, 10000, 100000, 1000000};

static OffsetBound search_all(const Job *job, DatFile *guest,
                              const CpuSpan *spans)
{
    CpuSpan whole = whole_span(spans, job->guest_cpus->len);
    g_autoptr(OffsetSearch) search = new_search(job, &whole, NULL);

    if (!search) {
        return (OffsetBound){0};
    }
    for (guint i = 0; i < job->guest_cpus->len; i++) {
        offset_search_set_windows(search, job->windows->pdata[i]);
        feed(search, guest, (unsigned)cpu_at(job, i));
    }
    return offset_search_result(search);
}

static OffsetBound search_one(const Job *job, DatFile *guest,
                              const CpuSpan *span, guint i)
{
    g_autoptr(OffsetSearch) search =
        new_search(job, span, job->windows->pdata[i]);

    if (!search) {
        return (OffsetBound){0};
    }
    feed(search, guest, (unsigned)cpu_at(job, i));
    return offset_search_result(search);
}

static void find_host_span(DatFile *host, Job *job)
{
    job->first_host_ticks = UINT64_MAX;
    for (guint cpu = 0; cpu < host->cpus->len; cpu++) {
        CpuSpan span = find_span(host, cpu);

        if (span.n_events > 0) {
            job->first_host_ticks =
                MIN(job->first_host_ticks, span.first_ticks);
            job->last_host_ticks = MAX(job->last_host_ticks, span.last_ticks);
        }
    }
}

/* Where the guest's TSC is scaled, windows are brought to its speed. */
static void scale_windows(GArray *windows, const ClockMap *map)
{
    for (guint i = 0; i < windows->len; i++) {
        HostWindow *window = &g_array_index(windows, HostWindow, i);

        window->from_ticks = clock_map_to_guest(map, window->from_ticks);
        if (window->to_ticks != UINT64_MAX) {
            window->to_ticks = clock_map_to_guest(map, window->to_ticks);
        }
    }
}

/* All vCPUs of a guest have the same ratio. */
static const ClockMap *map_of(const SessionMachine *machine)
{
    const SessionVcpu *vcpu = machine->vcpus->pdata[0];

    return &g_array_index(vcpu->segments, ClockSegment, 0).map;
}

static void scale_job(Job *job, const ClockMap *map)
{
    for (guint i = 0; i < job->windows->len; i++) {
        scale_windows(job->windows->pdata[i], map);
    }
    job->first_host_ticks = clock_map_to_guest(map, job->first_host_ticks);
    job->last_host_ticks = clock_map_to_guest(map, job->last_host_ticks);
}

/* FALSE when the host's file has nothing to infer from. */
static gboolean read_host(Job *job, GError **error)
{
    g_autoptr(DatFile) host =
        dat_file_open_fd(job->host_fd, "the host's file", job->limits, error);
    g_autoptr(EventTable) table = NULL;
    WindowSource source;
    WindowKind kind = g_strcmp0(job->machine->accelerator, "tcg") == 0
                          ? WINDOW_SCHED
                          : WINDOW_KVM;

    if (!host) {
        return FALSE;
    }
    table = event_table_new(host);
    source = (WindowSource){.dat = host, .events = table};
    job->windows = window_list_read(&source, kind, job->threads);
    job->may_creep = kind == WINDOW_SCHED;
    find_host_span(host, job);
    scale_job(job, map_of(job->machine));
    return TRUE;
}

static gboolean run_job(gpointer data, GByteArray *reply, GError **error)
{
    Job *job = data;
    guint n = job->guest_cpus->len;
    g_autofree CpuSpan *spans = g_new0(CpuSpan, n);
    g_autoptr(DatFile) guest =
        dat_file_open_fd(job->guest_fd, "the guest's file", job->limits, error);
    OffsetBound common;

    if (!guest || !read_host(job, error)) {
        return FALSE;
    }
    for (guint i = 0; i < n; i++) {
        spans[i] = find_span(guest, (unsigned)cpu_at(job, i));
    }
    common = search_all(job, guest, spans);
    for (guint i = 1;
         job->may_creep && !is_good(&common) && i < G_N_ELEMENTS(slacks_ticks);
         i++) {
        for (guint w = 0; w < job->windows->len; w++) {
            window_list_widen(job->windows->pdata[w],
                              slacks_ticks[i] - slacks_ticks[i - 1]);
        }
        common = search_all(job, guest, spans);
        common.error_ticks += slacks_ticks[i];
    }
    for (guint i = 0; i < n; i++) {
        OffsetBound bound =
            is_good(&common) ? common : search_one(job, guest, &spans[i], i);

        g_byte_array_append(reply, (const guint8 *)&bound, sizeof(bound));
    }
    return TRUE;
}

/* --- in this process --- */

static void note(SessionMachine *machine, char *text)
{
    g_ptr_array_add(machine->notes, text);
}

static int open_file(const char *path, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                    "cannot open '%s': %s", path, g_strerror(errno));
    }
    return fd;
}

static GByteArray *run_confined(Job *job, GError **error)
{
    const int fds[] = {job->host_fd, job->guest_fd};
    ConfineMissing missing;
    ConfineOptions options;

    confine_options_init(&options, "the trace files");
    options.advice = LIMITS_MAKE_ADVICE;
    options.fds = fds;
    options.fd_count = G_N_ELEMENTS(fds);
    confine_options_set_time(&options,
                             limit_or(job->limits->cpu_s, CPU_SECONDS));
    options.memory_bytes = job->limits->make_memory_bytes * MEMORY_TIMES;
    return confine_run(&options, run_job, job, &missing, error);
}

static GByteArray *run_on_files(Job *job, const char *host_path,
                                const char *guest_path, GError **error)
{
    GByteArray *reply = NULL;

    job->host_fd = open_file(host_path, error);
    if (job->host_fd < 0) {
        return NULL;
    }
    job->guest_fd = open_file(guest_path, error);
    if (job->guest_fd >= 0) {
        reply = run_confined(job, error);
        close(job->guest_fd);
    }
    close(job->host_fd);
    return reply;
}

static void find_cpus(Job *job)
{
    for (guint i = 0; i < job->machine->vcpus->len; i++) {
        const SessionVcpu *vcpu = job->machine->vcpus->pdata[i];

        if (vcpu->guest_cpu != SESSION_NO_GUEST_CPU) {
            g_array_append_val(job->guest_cpus, vcpu->guest_cpu);
            g_array_append_val(job->threads, vcpu->thread_id);
        }
    }
}

static void set_segment(const SessionMachine *machine, int32_t guest_cpu,
                        const OffsetBound *bound)
{
    for (guint i = 0; i < machine->vcpus->len; i++) {
        const SessionVcpu *vcpu = machine->vcpus->pdata[i];

        if (vcpu->guest_cpu == guest_cpu && is_missing(vcpu)) {
            ClockSegment *segment =
                &g_array_index(vcpu->segments, ClockSegment, 0);

            segment->map.offset_ticks = bound->offset_ticks;
            segment->error_ticks = bound->error_ticks;
        }
    }
}

/* What came back is from a process that read hostile bytes. */
static void take_reply(const Job *job, const GByteArray *reply,
                       SessionMachine *machine)
{
    gboolean is_whole =
        reply->len == job->guest_cpus->len * sizeof(OffsetBound);

    for (guint i = 0; i < job->guest_cpus->len; i++) {
        OffsetBound bound = {0};

        if (is_whole) {
            memcpy(&bound, reply->data + i * sizeof(bound), sizeof(bound));
        }
        if (is_good(&bound)) {
            set_segment(machine, cpu_at(job, i), &bound);
            note(machine,
                 g_strdup_printf("guest CPU %d: QEMU and debugfs did not tell "
                                 "its TSC offset; it was inferred from when "
                                 "the vCPU ran, to within %" PRIu64
                                 " ticks either way",
                                 cpu_at(job, i), bound.error_ticks));
        } else {
            note(machine, g_strdup_printf(
                              "guest CPU %d: its TSC offset could not be "
                              "inferred (no offset explains all of its %" PRIu64
                              " events), so its times mean nothing",
                              cpu_at(job, i), bound.n_events));
        }
    }
}

void infer_offsets(const char *dir, const SessionMachine *host,
                   SessionMachine *machine, const Limits *limits)
{
    g_autofree char *host_path = g_build_filename(dir, host->dat_file, NULL);
    g_autofree char *guest_path =
        g_build_filename(dir, machine->dat_file, NULL);
    g_autoptr(GArray) guest_cpus = g_array_new(FALSE, FALSE, sizeof(int32_t));
    g_autoptr(GArray) threads = g_array_new(FALSE, FALSE, sizeof(int32_t));
    g_autoptr(GByteArray) reply = NULL;
    g_autoptr(GError) error = NULL;
    Job job = {
        .machine = machine,
        .limits = limits,
        .guest_cpus = guest_cpus,
        .threads = threads,
    };

    find_cpus(&job);
    reply = run_on_files(&job, host_path, guest_path, &error);
    if (reply) {
        take_reply(&job, reply, machine);
    } else {
        note(machine, g_strdup_printf("its TSC offsets could not be inferred: "
                                      "%s",
                                      error->message));
    }
}
