/*
 * What a guest's events change in the state of its vCPUs, and which spans
 * begin and end with them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/walk.h"

#include <string.h>

#include "explain/marks.h"

/* MSR_IA32_TSC_DEADLINE */
#define MSR_DEADLINE 0x6e0

/* common_flags: TRACE_FLAG_IRQS_OFF, include/linux/trace_events.h */
#define FLAG_IRQS_OFF 0x01

/* The vectors that have tracepoints of their own are these and above. */
#define FIRST_DEVICE_VECTOR 0x20
#define FIRST_SYSTEM_VECTOR 0xec /* FIRST_SYSTEM_VECTOR with all options on */

/* prev_state without what only tells of preemption */
#define STATE_REPORTED UINT32_C(0xff)

#define MAX_TIMERS 16384

static void add_leg(Task *task, uint64_t ticks, unsigned cpu)
{
    TaskLeg *last = task->n_legs ? &task->legs[task->n_legs - 1] : NULL;

    if (last && last->cpu == cpu) {
        return;
    }
    if (last && (last->from_ticks == ticks || task->n_legs == TASK_MAX_LEGS)) {
        last->cpu = cpu;
        return;
    }
    task->legs[task->n_legs++] = (TaskLeg){ticks, cpu};
}

static void wait_begins(Walk *walk, Task *task, unsigned cpu, TaskState state)
{
    task->state = state;
    task->n_legs = 0;
    add_leg(task, walk->now, cpu);
}

static void count_wait(Walk *walk, Vcpu *vcpu, Task *task, IntervalKind kind)
{
    uint64_t ticks = walk->now - task->legs[0].from_ticks;

    if (kind == INTERVAL_PREEMPTION) {
        histogram_add(&vcpu->stats->preemptions, ticks);
        return;
    }
    if (!task->wakeups) {
        task->wakeups = g_new0(Histogram, 1);
    }
    histogram_add(task->wakeups, ticks);
    histogram_add(&vcpu->stats->wakeups, ticks);
}

/* The task runs, after its waking or its preemption. */
static void close_wait(Walk *walk, Machine *machine, Task *task, unsigned cpu)
{
    Vcpu *vcpu = machine_vcpu(machine, cpu);
    Span span = {
        .kind =
            task->state == TASK_WAKING ? INTERVAL_WAKEUP : INTERVAL_PREEMPTION,
        .vcpu = vcpu,
        .start_ticks = task->legs[0].from_ticks,
        .end_ticks = walk->now,
        .name = task->name,
        .is_recorders = task->is_recorder,
        .task = task,
    };

    if (!vcpu) {
        return;
    }
    add_leg(task, walk->now, cpu);
    span.n_legs = task->n_legs;
    memcpy(span.legs, task->legs, sizeof(span.legs));
    if (!task->is_recorder) {
        count_wait(walk, vcpu, task, span.kind);
    }
    intervals_close(walk, &span);
}

static void count_recorder(Walk *walk, Task *prev, Task *next)
{
    if (prev->is_recorder && prev->since_ticks) {
        prev->ran_ticks += walk->now - prev->since_ticks;
    }
    next->since_ticks = walk->now;
}

static void on_switch(Walk *walk, Machine *machine, const BoundEvent *bound,
                      const TimelineEvent *event)
{
    Vcpu *vcpu = machine_vcpu(machine, event->cpu);
    Task *prev =
        task_table_get(machine->tasks, (int32_t)field(bound, 0, event));
    Task *next =
        task_table_get(machine->tasks, (int32_t)field(bound, 2, event));
    uint32_t state = (uint32_t)field(bound, 1, event) & STATE_REPORTED;
    size_t size;
    const uint8_t *comm = field_bytes(bound, 3, event, &size);

    if (comm) {
        task_table_set_comm(machine->tasks, next, comm, size);
    }
    comm = field_bytes(bound, 4, event, &size);
    if (comm) {
        task_table_rename(machine->tasks, prev, comm, size);
    }
    count_recorder(walk, prev, next);
    if (state == 0 && prev->pid != 0) {
        wait_begins(walk, prev, event->cpu, TASK_RUNNABLE);
    } else if (prev->state != TASK_WAKING) {
        prev->state = TASK_SLEEPING;
    }
    if (next->pid != 0 &&
        (next->state == TASK_WAKING || next->state == TASK_RUNNABLE)) {
        close_wait(walk, machine, next, event->cpu);
    }
    next->state = TASK_RUNNING;
    next->cpu = event->cpu;
    marks_moved(walk, next, event->cpu);
    if (vcpu) {
        vcpu->current = next;
        vcpu->irqs.depth = 0;
        vcpu_update(walk, vcpu);
    }
}

static void on_waking(Walk *walk, Machine *machine, const BoundEvent *bound,
                      const TimelineEvent *event)
{
    Task *task =
        task_table_get(machine->tasks, (int32_t)field(bound, 0, event));
    size_t size;
    const uint8_t *comm = field_bytes(bound, 2, event, &size);

    if (comm && task->comm[0] == '\0') {
        task_table_set_comm(machine->tasks, task, comm, size);
    }
    /* Who runs or can run has nothing to wait for. */
    if (task->state == TASK_SLEEPING || task->state == TASK_UNSEEN) {
        wait_begins(walk, task, (unsigned)field(bound, 1, event), TASK_WAKING);
    }
}

static void on_placed(Walk *walk, Machine *machine, const BoundEvent *bound,
                      const TimelineEvent *event)
{
    Task *task =
        task_table_get(machine->tasks, (int32_t)field(bound, 0, event));

    if (task->state == TASK_WAKING || task->state == TASK_RUNNABLE) {
        add_leg(task, walk->now, (unsigned)field(bound, 1, event));
    }
}

static void on_wakeup_new(Walk *walk, Machine *machine, const BoundEvent *bound,
                          const TimelineEvent *event)
{
    Task *task =
        task_table_get(machine->tasks, (int32_t)field(bound, 0, event));

    /* The pid's last owner is gone. */
    task->state = TASK_SLEEPING;
    on_waking(walk, machine, bound, event);
}

static void close_injection(Walk *walk, Vcpu *vcpu, unsigned vector,
                            uint32_t name)
{
    const Span span = {
        .kind = INTERVAL_INJECTION,
        .vcpu = vcpu,
        .start_ticks = vcpu->pending_ticks[vector],
        .end_ticks = walk->now,
        .name = name,
        .vector = vector,
    };
    uint64_t bit = UINT64_C(1) << vector % 64;

    if (vcpu->pending_ticks[vector]) {
        histogram_add(keyed_histogram(vcpu->stats->injections, vector, name),
                      walk->now - vcpu->pending_ticks[vector]);
        intervals_close(walk, &span);
        vcpu->pending_ticks[vector] = 0;
    }
    if (vcpu->accepted[vector / 64] & bit) {
        vcpu->accepted[vector / 64] &= ~bit;
        vcpu->n_accepted--;
    }
}

/* The guest's own clock went on by the steps of its offset as well. */
static void close_timer(Walk *walk, Vcpu *vcpu, uint32_t name)
{
    int64_t step = (int64_t)((uint64_t)vcpu->step_sum_ticks -
                             (uint64_t)vcpu->deadline_step_ticks);
    int64_t late = (int64_t)(walk->now - vcpu->deadline_ticks);
    Span span = {
        .kind = INTERVAL_TIMER,
        .vcpu = vcpu,
        .start_ticks = MIN(vcpu->deadline_ticks, walk->now),
        .end_ticks = walk->now,
        .name = name,
    };

    vcpu->has_deadline = false;
    if (step > 0 && late + step > 0) {
        span.step_ticks = (uint64_t)MIN(step, late + step);
    } else if (late < 0) {
        /* KVM may inject early and let the guest wait: not late. */
        histogram_add(&vcpu->stats->timers, 0);
        return;
    }
    histogram_add(&vcpu->stats->timers,
                  span.end_ticks - span.start_ticks + span.step_ticks);
    intervals_close(walk, &span);
}

static void on_vector_entry(Walk *walk, Machine *machine,
                            const BoundEvent *bound, const TimelineEvent *event)
{
    Vcpu *vcpu = machine_vcpu(machine, event->cpu);
    unsigned vector = (unsigned)field(bound, 0, event) % N_VECTORS;

    if (!vcpu) {
        return;
    }
    close_injection(walk, vcpu, vector, bound->name);
    if (vcpu->has_deadline && bound->name == machine->timer_name) {
        close_timer(walk, vcpu, bound->name);
    }
    irq_push(&vcpu->irqs, bound->name, false);
    vcpu_update(walk, vcpu);
}

static void on_irq_entry(Walk *walk, Machine *machine, const BoundEvent *bound,
                         const TimelineEvent *event)
{
    Vcpu *vcpu = machine_vcpu(machine, event->cpu);
    uint32_t name;

    if (!vcpu) {
        return;
    }
    name = machine_irq_name(walk, machine, bound, event);
    if (vcpu->last_device_vector >= FIRST_DEVICE_VECTOR &&
        vcpu->last_device_vector < FIRST_SYSTEM_VECTOR) {
        close_injection(walk, vcpu, vcpu->last_device_vector, name);
    }
    irq_push(&vcpu->irqs, name, false);
    vcpu_update(walk, vcpu);
}

static void on_softirq_entry(Walk *walk, Machine *machine,
                             const BoundEvent *bound,
                             const TimelineEvent *event)
{
    Vcpu *vcpu = machine_vcpu(machine, event->cpu);
    unsigned vec = (unsigned)field(bound, 0, event);

    if (vcpu) {
        irq_push(
            &vcpu->irqs,
            machine->softirqs[MIN(vec, G_N_ELEMENTS(machine->softirqs) - 1)],
            true);
        vcpu_update(walk, vcpu);
    }
}

static void on_irq_leave(Walk *walk, Machine *machine,
                         const BoundEvent *bound G_GNUC_UNUSED,
                         const TimelineEvent *event)
{
    Vcpu *vcpu = machine_vcpu(machine, event->cpu);

    if (vcpu) {
        irq_pop(&vcpu->irqs);
        vcpu_update(walk, vcpu);
    }
}

/* How many ticks of the line so many of the guest's clock are, there. */
static uint64_t line_ticks(const TimelineEvent *event, uint64_t guest_ticks)
{
    const GPtrArray *tracks = event->input->tracks;
    const ClockTrack *track =
        tracks && event->cpu < tracks->len ? tracks->pdata[event->cpu] : NULL;
    const ClockMap *map = NULL;

    for (size_t i = 0; track && i < track->n_segments; i++) {
        const ClockSegment *segment = &track->segments[i];

        if (!map || segment->from_host_ticks <= event->event.line_ticks) {
            map = &segment->map;
        }
    }
    if (!map || !clock_map_is_scaled(map) || map->ratio == 0) {
        return guest_ticks;
    }
    return (uint64_t)(((unsigned __int128)guest_ticks << map->frac_bits) /
                      map->ratio);
}

static void on_write_msr(Walk *walk, Machine *machine, const BoundEvent *bound,
                         const TimelineEvent *event)
{
    Vcpu *vcpu = machine_vcpu(machine, event->cpu);
    uint64_t deadline;
    int64_t ahead;

    if (!vcpu || (uint32_t)field(bound, 0, event) != MSR_DEADLINE ||
        walk->by_time || strcmp(machine->input->dat->clock, "x86-tsc") != 0) {
        return;
    }
    machine->deadline_seen = true;
    deadline = (uint64_t)field(bound, 1, event);
    ahead = (int64_t)(deadline - event->event.ticks);
    vcpu->has_deadline = deadline != 0;
    vcpu->deadline_step_ticks = vcpu->step_sum_ticks;
    /* What is past already is asked for now. */
    vcpu->deadline_ticks =
        walk->now + (ahead > 0 ? line_ticks(event, (uint64_t)ahead) : 0);
}

static void on_timer_start(Walk *walk G_GNUC_UNUSED, Machine *machine,
                           const BoundEvent *bound, const TimelineEvent *event)
{
    uint64_t timer = (uint64_t)field(bound, 0, event);
    uint64_t expires_ns = (uint64_t)field(bound, 1, event);

    /* The deadline's way is exact; this is for guests that have none. */
    if (!machine->deadline_seen &&
        g_hash_table_size(machine->timers) < MAX_TIMERS) {
        g_hash_table_insert(machine->timers, g_memdup2(&timer, sizeof(timer)),
                            g_memdup2(&expires_ns, sizeof(expires_ns)));
    }
}

/* Ticks of so many nanoseconds. */
static uint64_t ticks_of_ns(const Walk *walk, uint64_t ns)
{
    uint64_t many_ns = analysis_span(walk->analysis, UINT64_C(1) << 32);

    return many_ns ? (uint64_t)(((unsigned __int128)ns << 32) / many_ns) : ns;
}

static void on_timer_expire(Walk *walk, Machine *machine,
                            const BoundEvent *bound, const TimelineEvent *event)
{
    Vcpu *vcpu = machine_vcpu(machine, event->cpu);
    uint64_t timer = (uint64_t)field(bound, 0, event);
    uint64_t now_ns = (uint64_t)field(bound, 1, event);
    const uint64_t *expires_ns =
        machine->deadline_seen ? NULL
                               : g_hash_table_lookup(machine->timers, &timer);

    if (vcpu && expires_ns && now_ns >= *expires_ns) {
        uint64_t late_ticks =
            MIN(ticks_of_ns(walk, now_ns - *expires_ns), walk->now);
        const Span span = {
            .kind = INTERVAL_TIMER,
            .vcpu = vcpu,
            .start_ticks = walk->now - late_ticks,
            .end_ticks = walk->now,
            .name = names_text(walk->names, "hrtimer"),
        };

        histogram_add(&vcpu->stats->timers, late_ticks);
        intervals_close(walk, &span);
    }
    g_hash_table_remove(machine->timers, &timer);
}

/* A tracer's own measure: so long until now. */
static void close_measured(Walk *walk, Vcpu *vcpu, IntervalKind kind,
                           uint64_t ns, const char *name)
{
    const Span span = {
        .kind = kind,
        .vcpu = vcpu,
        .start_ticks = walk->now - MIN(ticks_of_ns(walk, ns), walk->now),
        .end_ticks = walk->now,
        .name = names_text(walk->names, name),
        .task = vcpu->current,
    };

    intervals_close(walk, &span);
}

static void on_timerlat(Walk *walk, Machine *machine, const BoundEvent *bound,
                        const TimelineEvent *event)
{
    static const char *const contexts[] = {"irq", "thread", "user"};
    Vcpu *vcpu = machine_vcpu(machine, event->cpu);
    unsigned context = (unsigned)field(bound, 0, event);

    if (vcpu && context < G_N_ELEMENTS(contexts)) {
        close_measured(walk, vcpu, INTERVAL_TIMERLAT,
                       (uint64_t)field(bound, 1, event), contexts[context]);
    }
}

static void on_osnoise_sample(Walk *walk, Machine *machine,
                              const BoundEvent *bound,
                              const TimelineEvent *event)
{
    Vcpu *vcpu = machine_vcpu(machine, event->cpu);
    bool is_hardware = field(bound, 1, event) == 0;

    if (vcpu) {
        close_measured(walk, vcpu, INTERVAL_OSNOISE,
                       (uint64_t)field(bound, 0, event),
                       is_hardware ? "hardware" : "software");
    }
}

static void on_print(Walk *walk, Machine *machine, const BoundEvent *bound,
                     const TimelineEvent *event)
{
    const TimelineEvent *e = event;
    int offset = bound->fields[0].offset_bytes;
    int32_t pid = (int32_t)event_field_read(&machine->pid, e->event.data,
                                            e->event.size_bytes);

    if (offset >= 0 && (uint32_t)offset < e->event.size_bytes) {
        marks_text(walk, machine, task_table_get(machine->tasks, pid),
                   event->cpu, (const char *)e->event.data + offset,
                   e->event.size_bytes - (uint32_t)offset);
    }
}

void guest_events_bind(Walk *walk, Machine *machine)
{
    static const EventSpec specs[] = {
        {"sched",
         "sched_switch",
         on_switch,
         {"prev_pid", "prev_state", "next_pid", "next_comm", "prev_comm"}},
        {"sched", "sched_waking", on_waking, {"pid", "target_cpu", "comm"}},
        {"sched", "sched_wakeup", on_placed, {"pid", "target_cpu"}},
        {"sched",
         "sched_wakeup_new",
         on_wakeup_new,
         {"pid", "target_cpu", "comm"}},
        {"sched", "sched_migrate_task", on_placed, {"pid", "dest_cpu"}},
        {"msr", "write_msr", on_write_msr, {"msr", "val"}},
        {"timer", "hrtimer_start", on_timer_start, {"hrtimer", "expires"}},
        {"timer", "hrtimer_expire_entry", on_timer_expire, {"hrtimer", "now"}},
        {"ftrace", "print", on_print, {"buf"}},
        {"ftrace", "timerlat", on_timerlat, {"context", "timer_latency"}},
        {"osnoise",
         "sample_threshold",
         on_osnoise_sample,
         {"duration", "interference"}},
    };
    static const IrqHandlers irqs = {on_irq_entry, on_softirq_entry,
                                     on_vector_entry, on_irq_leave};

    machine_bind(machine, specs, G_N_ELEMENTS(specs));
    irq_events_bind(walk, machine, &irqs);
    machine->flags = event_table_field(
        machine->input->events,
        event_table_find(machine->input->events, "sched", "sched_switch"),
        "common_flags");
}

/* The guest's events on this CPU were lost: what it was in is unknown. */
static void forget(Walk *walk, Machine *machine, unsigned cpu)
{
    Vcpu *vcpu = machine_vcpu(machine, cpu);

    for (guint i = 0; i < task_table_size(machine->tasks); i++) {
        Task *task = task_table_at(machine->tasks, i);

        if (task->state == TASK_WAKING || task->cpu == cpu) {
            task->state = TASK_UNSEEN;
        }
    }
    if (vcpu) {
        vcpu->current = NULL;
        vcpu->irqs.depth = 0;
        vcpu->has_deadline = false;
        vcpu_update(walk, vcpu);
    }
}

/*
 * Under TCG, a guest's event proves that the vCPU's thread has a CPU, though
 * some hosts leave switches of other tasks out of their trace.
 */
static bool must_run(const Walk *walk, const Vcpu *vcpu, const CpuEvent *record)
{
    return vcpu->sched == SCHED_RUNNABLE && !vcpu->kvm_seen &&
           walk->now - vcpu->steal_ticks > record->error_ticks;
}

/* What any event of a guest CPU's proves of its vCPU. */
static void learn(Walk *walk, Machine *machine, Vcpu *vcpu,
                  const CpuEvent *record)
{
    bool changed = vcpu->injected;

    if (must_run(walk, vcpu, record)) {
        vcpu_set_running(walk, machine->host, vcpu, vcpu->host_cpu);
    }
    if (vcpu->mode == MODE_UNKNOWN && vcpu->sched == SCHED_RUNNING) {
        vcpu->mode = MODE_GUEST;
        changed = true;
    }
    if (!vcpu->current) {
        int32_t pid = (int32_t)event_field_read(&machine->pid, record->data,
                                                record->size_bytes);

        vcpu->current = task_table_get(machine->tasks, pid);
        changed = true;
    }
    vcpu->injected = false;
    /* With interrupts on, none can be waiting. */
    if (vcpu->n_accepted > 0 &&
        !(event_field_read(&machine->flags, record->data, record->size_bytes) &
          FLAG_IRQS_OFF)) {
        memset(vcpu->accepted, 0, sizeof(vcpu->accepted));
        vcpu->n_accepted = 0;
        changed = true;
    }
    if (changed) {
        vcpu_update(walk, vcpu);
    }
}

void guest_event(Walk *walk, Machine *machine, const TimelineEvent *event)
{
    const CpuEvent *record = &event->event;
    Vcpu *vcpu = machine_vcpu(machine, event->cpu);
    int id = event_record_id(record->data, record->size_bytes);
    unsigned bound = id < 0 ? 0 : machine->bound_of_id[id];

    if (record->missed_events != 0) {
        forget(walk, machine, event->cpu);
    }
    if (bound) {
        const BoundEvent *known =
            &g_array_index(machine->bound, BoundEvent, bound);

        known->handler(walk, machine, known, event);
    }
    if (vcpu && (vcpu->injected || vcpu->n_accepted > 0 || !vcpu->current ||
                 vcpu->mode == MODE_UNKNOWN || vcpu->sched == SCHED_RUNNABLE)) {
        learn(walk, machine, vcpu, record);
    }
    if (record->loss_follows) {
        forget(walk, machine, event->cpu);
    }
}
