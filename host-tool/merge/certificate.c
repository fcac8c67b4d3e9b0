/*
 * Certificate: proof that host and guest lie on one time line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/certificate.h"

#include "merge/timeline.h"
#include "trace-data/cpu-cursor.h"

/* One vCPU's window while the line is walked. */
typedef struct Window {
    CertificateVcpu *vcpu;
    unsigned host_file; /* whose kvm_entry and kvm_exit it has */
    bool seen;          /* a window event was seen */
    bool unknown;       /* the host lost events since */
    bool open;
    bool has_entry; /* entry_ticks is a kvm_entry's, not a guess */
    uint64_t entry_ticks;
    uint64_t exit_ticks;
    /* Not yet known to lie before the last window event. */
    uint64_t pending_inside;
    uint64_t pending_outside;
    uint64_t pending_lost;
    uint64_t pending_first_outside_ticks;
    /* Guest events of the open window. */
    bool has_events;
    uint64_t first_ticks;
    uint64_t last_ticks;
} Window;

/* One host CPU: is it between events that it lost? */
typedef struct HostCpu {
    bool lossy;
} HostCpu;

/* How one host file writes kvm_entry and kvm_exit. */
typedef struct HostEvents {
    int entry_id;
    int exit_id;
    EventField pid;
    GArray *cpus; /* of HostCpu, by CPU number */
} HostEvents;

/* What is known of one input. */
typedef struct Source {
    const TimelineInput *input;
    HostEvents *host;     /* NULL: no host */
    unsigned host_file;   /* its host's */
    uint64_t error_ticks; /* that its host's events have as well */
    GPtrArray *windows;   /* of Window by CPU, NULL entries; NULL: no guest */
} Source;

/* Threads that were asked for last: most events are of a few. */
#define N_RECENT 64

typedef struct RecentWindow {
    int64_t key;
    Window *window; /* NULL: nothing is known of the key */
} RecentWindow;

struct CertificateWalk {
    Certificate *certificate;
    GHashTable *by_thread; /* thread_key() -> Window */
    RecentWindow recent[N_RECENT];
    GPtrArray *inputs;     /* of TimelineInput */
    GArray *sources;       /* of Source, in the inputs' order */
    const Source *current; /* the last event's */
    GArray *lossy_cpus;    /* of unsigned by file: CPUs whose lost events are
                              not over */
};
typedef CertificateWalk Walk;

static void vcpu_free(gpointer data)
{
    CertificateVcpu *vcpu = data;

    g_free(vcpu->machine);
    g_array_unref(vcpu->host_cpus);
    g_free(vcpu);
}

static void source_clear(gpointer data)
{
    Source *source = data;

    if (source->host) {
        g_array_unref(source->host->cpus);
        g_free(source->host);
    }
    g_clear_pointer(&source->windows, g_ptr_array_unref);
}

/* Machines number their threads independently. */
static int64_t thread_key(unsigned host_file, int32_t tid)
{
    return (int64_t)((uint64_t)host_file << 32 | (uint32_t)tid);
}

/* The file of the guest's host; of the first host where that isn't known. */
static unsigned host_file_of(const Walk *walk, const TimelineInput *guest)
{
    for (guint i = 0; i < walk->inputs->len; i++) {
        const TimelineInput *host = walk->inputs->pdata[i];

        if (timeline_input_is_host_of(host, guest)) {
            return host->file;
        }
    }
    return 0;
}

static Window *window_at(Walk *walk, unsigned host_file, int32_t tid)
{
    int64_t key = thread_key(host_file, tid);
    RecentWindow *recent = &walk->recent[(uint32_t)tid % N_RECENT];

    if (!recent->window || recent->key != key) {
        recent->key = key;
        recent->window = g_hash_table_lookup(walk->by_thread, &key);
    }
    return recent->window;
}

static void add_windows(Walk *walk, Certificate *certificate,
                        const Source *source)
{
    const TimelineInput *input = source->input;
    unsigned host_file = source->host_file;

    for (guint cpu = 0; cpu < input->vcpu_threads->len; cpu++) {
        int32_t tid = g_array_index(input->vcpu_threads, int32_t, cpu);
        CertificateVcpu *vcpu;
        Window *window;
        int64_t key = thread_key(host_file, tid);

        /* A machine that was recorded twice has its windows once. */
        if (tid == 0 || window_at(walk, host_file, tid)) {
            continue;
        }
        vcpu = g_new0(CertificateVcpu, 1);
        vcpu->machine = g_strdup(input->label);
        vcpu->cpu = cpu;
        vcpu->thread_id = tid;
        vcpu->host_cpus = g_array_new(FALSE, FALSE, sizeof(unsigned));
        g_ptr_array_add(certificate->vcpus, vcpu);
        window = g_new0(Window, 1);
        window->vcpu = vcpu;
        window->host_file = host_file;
        g_hash_table_insert(walk->by_thread, g_memdup2(&key, sizeof(key)),
                            window);
    }
}

static void set_lossy(Walk *walk, const TimelineInput *input, HostCpu *cpu,
                      bool lossy)
{
    if (cpu->lossy != lossy) {
        cpu->lossy = lossy;
        g_array_index(walk->lossy_cpus, unsigned, input->file) +=
            lossy ? 1 : -1u;
    }
}

/*
 * By how much all events of a host that is a guest itself may be off.  Those
 * of its own guest, placed by way of the same clock, are off by as much.
 */
static uint64_t least_error(const TimelineInput *host)
{
    uint64_t least_ticks = UINT64_MAX;

    for (guint cpu = 0; host->tracks && cpu < host->tracks->len; cpu++) {
        const ClockTrack *track = host->tracks->pdata[cpu];

        for (size_t i = 0; track && i < track->n_segments; i++) {
            least_ticks = MIN(least_ticks, track->segments[i].error_ticks);
        }
    }
    return host->tracks && host->tracks->len > 0 ? least_ticks : 0;
}

static void add_guest(Walk *walk, Source *source)
{
    const GArray *threads = source->input->vcpu_threads;

    add_windows(walk, walk->certificate, source);
    if (source->input->host) {
        source->error_ticks = least_error(source->input->host);
    }
    source->windows = g_ptr_array_new();
    for (guint cpu = 0; cpu < threads->len; cpu++) {
        g_ptr_array_add(source->windows,
                        window_at(walk, source->host_file,
                                  g_array_index(threads, int32_t, cpu)));
    }
}

/* A CPU whose first page follows lost events lost them from the start on. */
static void start_lossy(Walk *walk, const HostEvents *host,
                        const TimelineInput *input)
{
    for (guint cpu = 0; cpu < host->cpus->len; cpu++) {
        g_autoptr(CpuCursor) cursor = cpu_cursor_new(input->dat, cpu, NULL, 0);
        CpuEvent first;

        if (cpu_cursor_next(cursor, &first) && first.missed_events != 0) {
            set_lossy(walk, input, &g_array_index(host->cpus, HostCpu, cpu),
                      true);
        }
    }
}

static HostEvents *add_host(Walk *walk, TimelineInput *input)
{
    HostEvents *host = g_new0(HostEvents, 1);

    host->entry_id = event_table_find(input->events, "kvm", "kvm_entry");
    host->exit_id = event_table_find(input->events, "kvm", "kvm_exit");
    host->pid = event_table_pid_field(input->events);
    host->cpus = g_array_new(FALSE, TRUE, sizeof(HostCpu));
    g_array_set_size(host->cpus, input->dat->cpus->len);
    if (walk->lossy_cpus->len <= input->file) {
        g_array_set_size(walk->lossy_cpus, input->file + 1);
    }
    start_lossy(walk, host, input);
    return host;
}

/* A guest that runs guests is both. */
static bool is_host(const Walk *walk, const TimelineInput *input)
{
    for (guint i = 0; i < walk->inputs->len; i++) {
        if (timeline_input_is_host_of(input, walk->inputs->pdata[i])) {
            return true;
        }
    }
    return !input->vcpu_threads;
}

static void note_host_cpu(CertificateVcpu *vcpu, unsigned cpu)
{
    for (guint i = 0; i < vcpu->host_cpus->len; i++) {
        if (g_array_index(vcpu->host_cpus, unsigned, i) == cpu) {
            return;
        }
    }
    g_array_append_val(vcpu->host_cpus, cpu);
}

/* Tightens the interval by one window that is known from end to end. */
static void tighten(CertificateVcpu *vcpu, const Window *window)
{
    int64_t low = (int64_t)(window->entry_ticks - window->first_ticks);
    int64_t high = (int64_t)(window->exit_ticks - window->last_ticks);

    if (!vcpu->has_interval) {
        vcpu->has_interval = true;
        vcpu->low_ticks = low;
        vcpu->high_ticks = high;
    } else {
        vcpu->low_ticks = MAX(vcpu->low_ticks, low);
        vcpu->high_ticks = MIN(vcpu->high_ticks, high);
    }
}

/* A window event proves that all before it can be judged. */
static void settle(Window *window)
{
    CertificateVcpu *vcpu = window->vcpu;

    if (vcpu->outside == 0 && window->pending_outside > 0) {
        vcpu->first_outside_ticks = window->pending_first_outside_ticks;
    }
    vcpu->inside += window->pending_inside;
    vcpu->outside += window->pending_outside;
    vcpu->uncheckable_lost += window->pending_lost;
    window->pending_inside = 0;
    window->pending_outside = 0;
    window->pending_lost = 0;
}

static void open_window(Window *window, uint64_t ticks)
{
    if (!window->open || window->unknown) {
        window->open = true;
        window->has_entry = true;
        window->entry_ticks = ticks;
        window->has_events = false;
    }
}

static void close_window(Window *window, uint64_t ticks)
{
    window->exit_ticks = ticks;
    if (window->open && window->has_entry && window->has_events &&
        !window->unknown) {
        tighten(window->vcpu, window);
    }
    window->open = false;
}

static void forget_windows(Walk *walk, unsigned host_file)
{
    GHashTableIter iter;
    gpointer data;

    g_hash_table_iter_init(&iter, walk->by_thread);
    while (g_hash_table_iter_next(&iter, NULL, &data)) {
        Window *window = data;

        window->unknown |= window->host_file == host_file;
    }
}

static void walk_host_event(Walk *walk, const HostEvents *host,
                            const TimelineEvent *event)
{
    const CpuEvent *record = &event->event;
    int id = event_record_id(record->data, record->size_bytes);
    int32_t tid;
    Window *window;

    if (id == EVENT_ID_NONE || (id != host->entry_id && id != host->exit_id)) {
        return;
    }
    tid =
        (int32_t)event_field_read(&host->pid, record->data, record->size_bytes);
    window = window_at(walk, event->input->file, tid);
    if (!window) {
        return;
    }
    if (window->seen) {
        settle(window);
    }
    if (id == host->entry_id) {
        open_window(window, record->line_ticks);
        window->vcpu->n_windows++;
        note_host_cpu(window->vcpu, event->cpu);
    } else {
        close_window(window, record->line_ticks);
    }
    window->seen = true;
    window->unknown =
        g_array_index(walk->lossy_cpus, unsigned, event->input->file) > 0;
}

static void walk_guest_event(const Source *source, const TimelineEvent *event)
{
    uint64_t ticks = event->event.line_ticks;
    Window *window = event->cpu < source->windows->len
                         ? source->windows->pdata[event->cpu]
                         : NULL;

    if (!window) {
        return;
    }
    if (event->event.error_ticks > source->error_ticks) {
        window->vcpu->inexact++;
    } else if (!window->seen) {
        window->vcpu->uncheckable_ends++;
    } else if (window->unknown) {
        window->pending_lost++;
    } else if (window->open || ticks == window->exit_ticks) {
        window->pending_inside++;
        window->first_ticks = window->has_events ? window->first_ticks : ticks;
        window->last_ticks = ticks;
        window->has_events = true;
    } else {
        if (window->pending_outside++ == 0) {
            window->pending_first_outside_ticks = ticks;
        }
    }
}

/* Events that one host CPU lost may have been any vCPU's entry or exit. */
static void walk_losses(Walk *walk, const HostEvents *host,
                        const TimelineEvent *event)
{
    HostCpu *cpu = &g_array_index(host->cpus, HostCpu, event->cpu);

    if (event->event.missed_events == 0 && !event->event.loss_follows) {
        return;
    }
    forget_windows(walk, event->input->file);
    if (event->event.missed_events != 0) {
        set_lossy(walk, event->input, cpu, false);
    }
    if (event->event.loss_follows) {
        set_lossy(walk, event->input, cpu, true);
    }
}

static void finish(Walk *walk)
{
    GHashTableIter iter;
    gpointer data;

    g_hash_table_iter_init(&iter, walk->by_thread);
    while (g_hash_table_iter_next(&iter, NULL, &data)) {
        Window *window = data;

        window->vcpu->uncheckable_ends += window->pending_inside +
                                          window->pending_outside +
                                          window->pending_lost;
    }
}

CertificateWalk *certificate_walk_new(GPtrArray *inputs)
{
    CertificateWalk *walk = g_new0(CertificateWalk, 1);

    walk->certificate = g_new0(Certificate, 1);
    walk->certificate->vcpus = g_ptr_array_new_with_free_func(vcpu_free);
    walk->by_thread =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    walk->lossy_cpus = g_array_new(FALSE, TRUE, sizeof(unsigned));
    walk->inputs = g_ptr_array_ref(inputs);
    walk->sources = g_array_new(FALSE, TRUE, sizeof(Source));
    g_array_set_clear_func(walk->sources, source_clear);
    for (guint i = 0; i < inputs->len; i++) {
        TimelineInput *input = inputs->pdata[i];
        Source source = {
            .input = input,
            .host_file = host_file_of(walk, input),
        };

        if (input->vcpu_threads) {
            add_guest(walk, &source);
        }
        if (is_host(walk, input)) {
            source.host = add_host(walk, input);
        }
        g_array_append_val(walk->sources, source);
    }
    return walk;
}

void certificate_walk_free(CertificateWalk *walk)
{
    if (walk) {
        certificate_free(walk->certificate);
        g_hash_table_unref(walk->by_thread);
        g_array_unref(walk->lossy_cpus);
        g_array_unref(walk->sources);
        g_ptr_array_unref(walk->inputs);
        g_free(walk);
    }
}

/* Mostly that of the event before; each input has one, whatever is in it. */
static const Source *source_of(Walk *walk, const TimelineInput *input)
{
    for (guint i = 0; !walk->current || walk->current->input != input; i++) {
        g_assert(i < walk->sources->len);
        walk->current = &g_array_index(walk->sources, Source, i);
    }
    return walk->current;
}

void certificate_walk_event(CertificateWalk *walk, const TimelineEvent *event)
{
    const Source *source = source_of(walk, event->input);

    if (source->host) {
        walk_losses(walk, source->host, event);
        walk_host_event(walk, source->host, event);
    }
    if (source->windows) {
        walk_guest_event(source, event);
    }
}

Certificate *certificate_walk_finish(CertificateWalk *walk)
{
    finish(walk);
    return g_steal_pointer(&walk->certificate);
}

Certificate *certificate_make(GPtrArray *inputs)
{
    g_autoptr(CertificateWalk) walk = certificate_walk_new(inputs);
    g_autoptr(Timeline) timeline = timeline_new(inputs);
    TimelineEvent event;

    while (timeline_next(timeline, &event)) {
        certificate_walk_event(walk, &event);
    }
    return certificate_walk_finish(walk);
}

void certificate_free(Certificate *certificate)
{
    if (certificate) {
        g_ptr_array_unref(certificate->vcpus);
        g_free(certificate);
    }
}

CertificateVcpu certificate_total(const Certificate *certificate)
{
    CertificateVcpu total = {0};

    for (guint i = 0; i < certificate->vcpus->len; i++) {
        const CertificateVcpu *vcpu = certificate->vcpus->pdata[i];

        total.inside += vcpu->inside;
        total.outside += vcpu->outside;
        total.uncheckable_ends += vcpu->uncheckable_ends;
        total.uncheckable_lost += vcpu->uncheckable_lost;
        total.inexact += vcpu->inexact;
        total.n_windows += vcpu->n_windows;
        if (!vcpu->has_interval) {
            continue;
        }
        if (!total.has_interval) {
            total.has_interval = true;
            total.low_ticks = vcpu->low_ticks;
            total.high_ticks = vcpu->high_ticks;
        } else {
            total.low_ticks = MAX(total.low_ticks, vcpu->low_ticks);
            total.high_ticks = MIN(total.high_ticks, vcpu->high_ticks);
        }
    }
    return total;
}
