/*
 * Making an Analysis, in one walk over a timeline.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/make-analysis.h"

#include <string.h>

#include "explain/walk.h"
#include "merge/timeline-ahead.h"

static void set_scale(Walk *walk, const GPtrArray *inputs)
{
    const TimelineInput *first = inputs->pdata[0];

    for (guint i = 1; i < inputs->len; i++) {
        const TimelineInput *input = inputs->pdata[i];

        walk->by_time |= !timeline_scale_equal(&first->scale, &input->scale);
    }
    walk->analysis->line_scale =
        walk->by_time ? (TimelineScale){.unit = TIMELINE_NS, .mult = 1}
                      : first->scale;
    walk->analysis->scale = walk->analysis->line_scale;
    walk->analysis->scale.ns_offset = 0;
}

static void add_vcpus(Walk *walk, Machine *guest, Machine *host)
{
    const GArray *threads = guest->input->vcpu_threads;

    guest->host = host;
    for (guint cpu = 0; cpu < threads->len; cpu++) {
        int32_t tid = g_array_index(threads, int32_t, cpu);
        Vcpu *vcpu = NULL;

        if (tid != 0 && host) {
            vcpu = vcpu_new(walk, guest, cpu, tid);
            task_table_get(host->tasks, tid)->vcpu = vcpu;
            g_ptr_array_add(walk->vcpus, vcpu);
            g_ptr_array_add(walk->analysis->vcpus, vcpu->stats);
        }
        g_ptr_array_add(guest->vcpus, vcpu);
    }
}

/* When the guest's recording began and ended. */
static void find_ends(const Walk *walk, Machine *guest)
{
    g_autoptr(GPtrArray) inputs = g_ptr_array_new();
    g_autoptr(Timeline) timeline = NULL;
    TimelineSpan span;

    guest->last_ticks = UINT64_MAX;
    g_ptr_array_add(inputs, (gpointer)guest->input);
    timeline = timeline_new(inputs);
    if (timeline_span(timeline, &span)) {
        guest->first_ticks =
            walk->by_time ? span.first_time : span.first_line_ticks;
        guest->last_ticks =
            walk->by_time ? span.last_time : span.last_line_ticks;
    }
}

static Machine *host_of(const Walk *walk, const Machine *guest)
{
    for (guint i = 0; i < walk->machines->len; i++) {
        Machine *machine = walk->machines->pdata[i];

        if (machine->is_host &&
            timeline_input_is_host_of(machine->input, guest->input)) {
            return machine;
        }
    }
    return NULL;
}

/* A guest may be another's host. */
static bool is_host(const GPtrArray *inputs, const TimelineInput *input)
{
    for (guint i = 0; input->vcpu_threads && i < inputs->len; i++) {
        if (timeline_input_is_host_of(input, inputs->pdata[i])) {
            return true;
        }
    }
    return !input->vcpu_threads;
}

static bool same_threads(const TimelineInput *a, const TimelineInput *b)
{
    return a->vcpu_threads && b->vcpu_threads && a->host && b->host &&
           a->host->file == b->host->file &&
           a->vcpu_threads->len == b->vcpu_threads->len &&
           memcmp(a->vcpu_threads->data, b->vcpu_threads->data,
                  a->vcpu_threads->len * sizeof(int32_t)) == 0;
}

/*
 * Of a guest that was recorded by its host, and by itself as the host of its
 * own guests, the first recording tells of its vCPUs.
 */
static bool is_guest(const GPtrArray *inputs, const TimelineInput *input)
{
    for (guint i = 0; i < inputs->len && is_host(inputs, input); i++) {
        const TimelineInput *other = inputs->pdata[i];

        if (other != input && same_threads(input, other) &&
            !is_host(inputs, other)) {
            return false;
        }
    }
    return input->vcpu_threads != NULL;
}

static void add_roles(Walk *walk, const GPtrArray *inputs,
                      const TimelineInput *input)
{
    Machine *host = NULL;

    if (is_host(inputs, input)) {
        host = machine_new(walk, input, true);
        g_ptr_array_add(walk->machines, host);
        host_events_bind(walk, host);
    }
    if (is_guest(inputs, input)) {
        Machine *guest = machine_new(walk, input, false);

        g_ptr_array_add(walk->machines, guest);
        guest_events_bind(walk, guest);
        find_ends(walk, guest);
        if (host) {
            host->other_role = guest;
        }
    }
}

/* The CPUs of a host that is a guest are vCPUs. */
static void find_as_guest(Walk *walk, Machine *host)
{
    for (guint i = 0; i < walk->machines->len && !host->as_guest; i++) {
        Machine *guest = walk->machines->pdata[i];

        if (!guest->is_host && (guest->input == host->input ||
                                same_threads(guest->input, host->input))) {
            host->as_guest = guest;
        }
    }
    for (guint cpu = 0; host->as_guest && cpu < host->as_guest->vcpus->len;
         cpu++) {
        Vcpu *vcpu = machine_vcpu(host->as_guest, cpu);

        if (vcpu) {
            vcpu->as_host = host;
        }
    }
}

static void add_machines(Walk *walk, const GPtrArray *inputs)
{
    for (guint i = 0; i < inputs->len; i++) {
        add_roles(walk, inputs, inputs->pdata[i]);
    }
    for (guint i = 0; i < walk->machines->len; i++) {
        Machine *machine = walk->machines->pdata[i];

        if (!machine->is_host) {
            add_vcpus(walk, machine, host_of(walk, machine));
        }
    }
    for (guint i = 0; i < walk->machines->len; i++) {
        Machine *machine = walk->machines->pdata[i];

        if (machine->is_host) {
            find_as_guest(walk, machine);
        }
    }
}

static void walk_start(Walk *walk, const GPtrArray *inputs)
{
    walk->names = walk->analysis->names;
    walk->tcg_wait_name =
        names_text(walk->names, "another thread of the emulation");
    walk->machines =
        g_ptr_array_new_with_free_func((GDestroyNotify)machine_free);
    walk->vcpus = g_ptr_array_new_with_free_func((GDestroyNotify)vcpu_free);
    walk->scratch.breakdown = breakdown_new();
    walk->scratch.segments = g_array_new(FALSE, FALSE, sizeof(Segment));
    walk->recorders.list = g_ptr_array_new();
    for (int kind = 0; kind < INTERVAL_N_KINDS; kind++) {
        walk->kept[kind].list = g_ptr_array_new();
    }
    set_scale(walk, inputs);
    add_machines(walk, inputs);
}

/* Mostly that of the event before; NULL if it is of nobody's that is known. */
static Machine *machine_of(Walk *walk, const TimelineInput *input)
{
    if (walk->current && walk->current->input == input) {
        return walk->current;
    }
    for (guint i = 0; i < walk->machines->len; i++) {
        Machine *machine = walk->machines->pdata[i];

        if (machine->input == input) {
            walk->current = machine;
            return machine;
        }
    }
    return NULL;
}

static void count_event(Analysis *analysis, const CpuEvent *record)
{
    analysis->n_events++;
    if (record->missed_events != 0) {
        analysis->has_lost = true;
        analysis->n_lost += (uint64_t)MAX(record->missed_events, 0);
    }
}

/* An event of a clock of which nothing is known may lie anywhere. */
static bool is_placed(const TimelineEvent *event)
{
    const GPtrArray *tracks = event->input->tracks;
    const ClockTrack *track;

    if (event->event.error_ticks != CLOCK_ERROR_UNKNOWN || !tracks ||
        event->cpu >= tracks->len) {
        return true;
    }
    track = tracks->pdata[event->cpu];
    return !track || track->n_segments != 1 ||
           track->segments[0].error_ticks != CLOCK_ERROR_UNKNOWN;
}

static void walk_event(Walk *walk, const TimelineEvent *event)
{
    Machine *machine = machine_of(walk, event->input);
    uint64_t ticks = walk->by_time ? event->time : event->event.line_ticks;

    if (!is_placed(event)) {
        walk->analysis->n_unplaced++;
        return;
    }
    /* An event that was placed with an error may come too early. */
    walk->now = MAX(walk->now, ticks);
    if (walk->analysis->n_events == 0) {
        walk->analysis->first_ticks = walk->now;
    }
    count_event(walk->analysis, &event->event);
    if (walk->options->on_event) {
        walk->options->on_event(event, walk->now, walk->options->data);
    }
    for (; machine; machine = machine->other_role) {
        if (machine->is_host) {
            host_event(walk, machine, event);
        } else {
            guest_event(walk, machine, event);
        }
    }
}

/* The state that each vCPU was left in lasts to the end. */
static void finish_vcpus(Walk *walk)
{
    for (guint i = 0; i < walk->vcpus->len; i++) {
        vcpu_finish(walk, walk->vcpus->pdata[i]);
    }
}

static void add_tasks(Walk *walk, const Machine *machine)
{
    for (guint i = 0; i < task_table_size(machine->tasks); i++) {
        Task *task = task_table_at(machine->tasks, i);
        TaskStats stats = {
            .machine = machine->input->label,
            .name = task->name,
            .took_ticks = task->took_ticks,
            /* What is a guest, too, tells it as that. */
            .ran_ticks =
                task->is_recorder && !machine->as_guest ? task->ran_ticks : 0,
        };

        if (!task->wakeups && !stats.took_ticks && !stats.ran_ticks) {
            continue;
        }
        if (task->wakeups) {
            stats.wakeups = *task->wakeups;
            *task->wakeups = (Histogram){0};
        }
        g_array_append_val(walk->analysis->tasks, stats);
    }
}

/* For how long, as far as anything is known of that time. */
static uint64_t recorded_ticks(const Walk *walk, const Machine *machine)
{
    uint64_t from = MAX(machine->first_ticks, walk->analysis->first_ticks);
    uint64_t to = MIN(machine->last_ticks, walk->analysis->last_ticks);

    return to > from ? to - from : 0;
}

static void walk_finish(Walk *walk)
{
    walk->analysis->last_ticks = walk->now;
    finish_vcpus(walk);
    intervals_finish(walk);
    for (guint i = 0; i < walk->machines->len; i++) {
        const Machine *machine = walk->machines->pdata[i];

        add_tasks(walk, machine);
        if (!machine->is_host && machine->last_ticks != UINT64_MAX) {
            walk->analysis->joint_ticks =
                MAX(walk->analysis->joint_ticks, recorded_ticks(walk, machine));
        }
    }
    g_ptr_array_unref(walk->vcpus);
    g_ptr_array_unref(walk->machines);
    g_hash_table_unref(walk->totals);
    breakdown_free(walk->scratch.breakdown);
    g_array_unref(walk->scratch.segments);
}

/* Done by the thread that merges, which has less to do. */
static void certify(const TimelineEvent *event, void *data)
{
    certificate_walk_event(data, event);
}

Analysis *analysis_make(GPtrArray *inputs, const AnalysisOptions *options)
{
    static const AnalysisOptions defaults;
    Analysis *analysis = analysis_new();
    Walk walk = {
        .analysis = analysis,
        .options = options ? options : &defaults,
        .totals = intervals_totals_new(),
    };
    g_autoptr(CertificateWalk) certificate = certificate_walk_new(inputs);
    g_autoptr(Timeline) timeline = NULL;
    g_autoptr(TimelineAhead) ahead = NULL;
    const TimelineEvent *events;
    size_t n_events;

    walk_start(&walk, inputs);
    timeline = timeline_new(inputs);
    ahead = timeline_ahead_new(timeline, certify, certificate);
    while ((events = timeline_ahead_next(ahead, &n_events))) {
        for (size_t i = 0; i < n_events; i++) {
            walk_event(&walk, &events[i]);
        }
    }
    analysis->certificate = certificate_walk_finish(certificate);
    walk_finish(&walk);
    return analysis;
}
