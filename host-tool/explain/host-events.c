/*
 * What a host's events change in the state of its vCPUs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/walk.h"

#include <inttypes.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

#include "explain/exit-reason.h"

/* prev_state of sched_switch: include/linux/sched.h. */
#define STATE_REPORTED UINT32_C(0xff) /* without TASK_REPORT_MAX */
#define STATE_STOPPED  UINT32_C(0x0c) /* __TASK_STOPPED, __TASK_TRACED */

/* kvm_mmio's types: arch/x86/kvm/trace.h and include/trace/events/kvm.h. */
#define MMIO_WRITE 2

/* MMIO addresses are told by the page: there may be any number of them. */
#define MMIO_PAGE (~UINT64_C(0xfff))

static Vcpu *vcpu_of_event(Machine *machine, const TimelineEvent *event)
{
    int32_t tid = (int32_t)read_field(&machine->pid, event);

    return task_table_get(machine->tasks, tid)->vcpu;
}

static void set_current(Walk *walk, Machine *machine, HostCpu *cpu,
                        unsigned number, Task *task)
{
    if (cpu->current && cpu->current->is_recorder) {
        cpu->current->ran_ticks += walk->now - cpu->current->since_ticks;
    }
    cpu->current = task;
    task->since_ticks = walk->now;
    if (task->vcpu) {
        vcpu_set_running(walk, machine, task->vcpu, number);
    }
}

/* Whom the vCPUs waited for on this CPU since it began to run. */
static void charge(Walk *walk, const HostCpu *cpu)
{
    Task *task = cpu->current;

    if (task && cpu->waiting && task->pid != 0 && !task->vcpu) {
        for (const Vcpu *vcpu = cpu->waiting; vcpu; vcpu = vcpu->next_waiting) {
            task->took_ticks +=
                walk->now - MAX(task->since_ticks, vcpu->steal_ticks);
        }
    }
}

static void switch_off(Walk *walk, Machine *machine, Vcpu *vcpu, unsigned cpu,
                       uint32_t state)
{
    vcpu_leave_guest(walk, vcpu, EXIT_REASON_INTERRUPTED);
    if ((state & STATE_REPORTED) == 0) {
        vcpu_set_waiting(walk, machine, vcpu, cpu);
    } else {
        vcpu_set_off(walk, machine, vcpu,
                     state & STATE_STOPPED ? SCHED_STOPPED : SCHED_SLEEPING);
    }
}

static void on_switch(Walk *walk, Machine *machine, const BoundEvent *bound,
                      const TimelineEvent *event)
{
    HostCpu *cpu = machine_host_cpu(machine, event->cpu);
    Task *prev =
        task_table_get(machine->tasks, (int32_t)field(bound, 0, event));
    Task *next =
        task_table_get(machine->tasks, (int32_t)field(bound, 2, event));
    size_t size;
    const uint8_t *comm = field_bytes(bound, 3, event, &size);

    if (comm) {
        task_table_set_comm(machine->tasks, next, comm, size);
    }
    comm = field_bytes(bound, 4, event, &size);
    if (comm) {
        task_table_rename(machine->tasks, prev, comm, size);
    }
    charge(walk, cpu);
    cpu->irqs.depth = 0;
    if (prev->vcpu) {
        switch_off(walk, machine, prev->vcpu, event->cpu,
                   (uint32_t)field(bound, 1, event));
    }
    set_current(walk, machine, cpu, event->cpu, next);
    host_cpu_update(walk, cpu);
}

static void on_waking(Walk *walk, Machine *machine, const BoundEvent *bound,
                      const TimelineEvent *event)
{
    Vcpu *vcpu =
        task_table_get(machine->tasks, (int32_t)field(bound, 0, event))->vcpu;

    if (!vcpu ||
        (vcpu->sched != SCHED_SLEEPING && vcpu->sched != SCHED_STOPPED)) {
        return;
    }
    if (vcpu->mode == MODE_HALT) {
        vcpu->woken_ticks = walk->now;
    }
    vcpu_set_waiting(walk, machine, vcpu, (unsigned)field(bound, 1, event));
}

/* Where it was put, or was moved to. */
static void on_placed(Walk *walk, Machine *machine, const BoundEvent *bound,
                      const TimelineEvent *event)
{
    Vcpu *vcpu =
        task_table_get(machine->tasks, (int32_t)field(bound, 0, event))->vcpu;
    unsigned cpu = (unsigned)field(bound, 1, event);

    if (vcpu && vcpu->sched == SCHED_RUNNABLE && vcpu->host_cpu != cpu) {
        vcpu_set_waiting(walk, machine, vcpu, cpu);
    }
}

static void on_irq(Walk *walk, Machine *machine, const TimelineEvent *event,
                   uint32_t name, bool soft)
{
    HostCpu *cpu = machine_host_cpu(machine, event->cpu);

    /* A host's handler runs: the guest has been left. */
    if (cpu->running) {
        vcpu_leave_guest(walk, cpu->running, EXIT_REASON_INTERRUPTED);
    }
    irq_push(&cpu->irqs, name, soft);
    host_cpu_update(walk, cpu);
}

static void on_irq_entry(Walk *walk, Machine *machine, const BoundEvent *bound,
                         const TimelineEvent *event)
{
    on_irq(walk, machine, event, machine_irq_name(walk, machine, bound, event),
           false);
}

static void on_softirq_entry(Walk *walk, Machine *machine,
                             const BoundEvent *bound,
                             const TimelineEvent *event)
{
    unsigned vec = (unsigned)field(bound, 0, event);

    on_irq(walk, machine, event,
           machine->softirqs[MIN(vec, G_N_ELEMENTS(machine->softirqs) - 1)],
           true);
}

static void on_vector_entry(Walk *walk, Machine *machine,
                            const BoundEvent *bound, const TimelineEvent *event)
{
    on_irq(walk, machine, event, bound->name, false);
}

static void on_irq_leave(Walk *walk, Machine *machine,
                         const BoundEvent *bound G_GNUC_UNUSED,
                         const TimelineEvent *event)
{
    HostCpu *cpu = machine_host_cpu(machine, event->cpu);

    irq_pop(&cpu->irqs);
    host_cpu_update(walk, cpu);
}

static uint32_t exit_name(Walk *walk, uint32_t reason)
{
    ExitName *recent = &walk->recent_exits[reason % N_RECENT_EXITS];

    if (recent->name == NAME_OTHERS || recent->reason != reason) {
        recent->reason = reason;
        recent->name = names_text(walk->names, exit_reason_text(reason));
    }
    return recent->name;
}

/* The span from the guest's being left to its being entered again. */
static void close_exit(Walk *walk, Vcpu *vcpu)
{
    Span span = {
        .kind = INTERVAL_EXIT,
        .vcpu = vcpu,
        .start_ticks = vcpu->exit_ticks,
        .end_ticks = walk->now,
    };
    bool is_recorders = vcpu->current && vcpu->current->is_recorder;

    if (vcpu->exit_ticks == 0 || !vcpu_is_joint(walk, vcpu, vcpu->exit_ticks)) {
        vcpu->exit_ticks = 0;
        return;
    }
    histogram_add(keyed_histogram(vcpu->stats->exits, vcpu->exit_reason,
                                  NAME_OTHERS),
                  walk->now - vcpu->exit_ticks);
    vcpu->stats->n_recorder_exits += is_recorders;
    if (!exit_reason_is_halt(vcpu->exit_reason) &&
        vcpu->user_reason != KVM_EXIT_HLT) {
        span.name = exit_name(walk, vcpu->exit_reason);
        span.is_recorders = is_recorders;
        intervals_close(walk, &span);
    }
    vcpu->exit_ticks = 0;
}

static void close_halt_wake(Walk *walk, Vcpu *vcpu)
{
    const Span span = {
        .kind = INTERVAL_HALT_WAKE,
        .vcpu = vcpu,
        .start_ticks = vcpu->woken_ticks,
        .end_ticks = walk->now,
    };

    if (vcpu->woken_ticks && vcpu_is_joint(walk, vcpu, vcpu->woken_ticks)) {
        histogram_add(&vcpu->stats->halt_wakes, walk->now - vcpu->woken_ticks);
        intervals_close(walk, &span);
    }
    vcpu->woken_ticks = 0;
}

static void on_kvm_entry(Walk *walk, Machine *machine, const BoundEvent *bound,
                         const TimelineEvent *event)
{
    Vcpu *vcpu = vcpu_of_event(machine, event);

    if (!vcpu) {
        return;
    }
    vcpu->kvm_seen = true;
    if (!vcpu->has_apic_id) {
        vcpu->apic_id = (uint32_t)field(bound, 0, event);
        vcpu->has_apic_id = true;
    }
    vcpu_set_running(walk, machine, vcpu, event->cpu);
    /* So that the intervals that end here see the state until here. */
    close_exit(walk, vcpu);
    close_halt_wake(walk, vcpu);
    vcpu->mode = MODE_GUEST;
    vcpu_update(walk, vcpu);
}

static void on_kvm_exit(Walk *walk, Machine *machine, const BoundEvent *bound,
                        const TimelineEvent *event)
{
    Vcpu *vcpu = vcpu_of_event(machine, event);
    uint32_t reason;

    if (!vcpu) {
        return;
    }
    vcpu->kvm_seen = true;
    reason = exit_reason_make((unsigned)field(bound, 1, event),
                              (uint32_t)field(bound, 0, event));
    vcpu_set_running(walk, machine, vcpu, event->cpu);
    vcpu_leave_guest(walk, vcpu, reason);
    vcpu->exit_reason = reason;
    vcpu->user_reason = KVM_EXIT_UNKNOWN;
    vcpu->user_detail = NAME_OTHERS;
    vcpu->mode = exit_reason_is_halt(reason) ? MODE_HALT : MODE_EXIT;
    vcpu_update(walk, vcpu);
}

static void on_user_exit(Walk *walk, Machine *machine, const BoundEvent *bound,
                         const TimelineEvent *event)
{
    Vcpu *vcpu = vcpu_of_event(machine, event);

    if (!vcpu) {
        return;
    }
    vcpu_leave_guest(walk, vcpu, EXIT_REASON_INTERRUPTED);
    vcpu->user_reason = (uint32_t)field(bound, 0, event);
    if ((int32_t)field(bound, 1, event) < 0) {
        vcpu->user_reason = KVM_EXIT_INTR; /* -EINTR: the reason is stale */
    }
    if (vcpu->user_detail == NAME_OTHERS) {
        vcpu->user_detail =
            names_text(walk->names, user_exit_text(vcpu->user_reason));
    }
    vcpu->mode = vcpu->user_reason == KVM_EXIT_HLT ? MODE_HALT : MODE_USER;
    vcpu_update(walk, vcpu);
}

/* What QEMU will be asked for, if this exit goes there. */
static void set_detail(Walk *walk, Vcpu *vcpu, const char *text)
{
    if (vcpu->mode != MODE_GUEST) {
        vcpu->user_detail = names_text(walk->names, text);
    }
}

static void on_pio(Walk *walk, Machine *machine, const BoundEvent *bound,
                   const TimelineEvent *event)
{
    Vcpu *vcpu = vcpu_of_event(machine, event);
    char text[64];

    if (vcpu) {
        snprintf(text, sizeof(text), "a %s of I/O port 0x%x",
                 field(bound, 0, event) ? "write" : "read",
                 (unsigned)field(bound, 1, event) & 0xffff);
        set_detail(walk, vcpu, text);
    }
}

static void on_mmio(Walk *walk, Machine *machine, const BoundEvent *bound,
                    const TimelineEvent *event)
{
    Vcpu *vcpu = vcpu_of_event(machine, event);
    char text[64];

    if (vcpu) {
        snprintf(text, sizeof(text), "an MMIO %s of page 0x%" PRIx64,
                 field(bound, 0, event) == MMIO_WRITE ? "write" : "read",
                 (uint64_t)field(bound, 1, event) & MMIO_PAGE);
        set_detail(walk, vcpu, text);
    }
}

/* So many nanoseconds until now, but no more than since the exit. */
static uint64_t poll_ticks(const Walk *walk, const Vcpu *vcpu, uint64_t ns)
{
    uint64_t out_ticks = walk->now - vcpu->exit_ticks;
    uint64_t out_ns = analysis_span(walk->analysis, out_ticks);

    if (ns >= out_ns) {
        return out_ticks;
    }
    return (uint64_t)((unsigned __int128)out_ticks * ns / out_ns);
}

/* The halt is over; only now is it told how much of it was polling. */
static void on_halt_over(Walk *walk, Machine *machine, const BoundEvent *bound,
                         const TimelineEvent *event)
{
    Vcpu *vcpu = vcpu_of_event(machine, event);
    bool waited = field(bound, 1, event) != 0;

    if (!vcpu || vcpu->mode != MODE_HALT) {
        return;
    }
    if (!waited && vcpu->exit_ticks) {
        uint64_t ticks =
            poll_ticks(walk, vcpu, (uint64_t)field(bound, 0, event));

        segment_log_retell(vcpu->log, walk->now - ticks, walk->now, CAUSE_EXIT,
                           cause_plain(CAUSE_HALT_POLL));
    }
    vcpu->mode = MODE_EXIT;
    vcpu_update(walk, vcpu);
}

static void on_poll_ns(Walk *walk G_GNUC_UNUSED, Machine *machine,
                       const BoundEvent *bound, const TimelineEvent *event)
{
    Vcpu *vcpu = vcpu_of_event(machine, event);

    if (vcpu) {
        vcpu->poll_ns = (uint64_t)field(bound, 0, event);
    }
}

static void clear_accepted(Vcpu *vcpu, unsigned vector)
{
    uint64_t bit = UINT64_C(1) << vector % 64;

    if (vcpu->accepted[vector / 64] & bit) {
        vcpu->accepted[vector / 64] &= ~bit;
        vcpu->n_accepted--;
    }
}

static void on_inject(Walk *walk, Machine *machine, const BoundEvent *bound,
                      const TimelineEvent *event)
{
    Vcpu *vcpu = vcpu_of_event(machine, event);
    unsigned vector = (unsigned)field(bound, 0, event) % N_VECTORS;

    if (!vcpu) {
        return;
    }
    if (vcpu->pending_ticks[vector] == 0) {
        vcpu->pending_ticks[vector] = walk->now;
    }
    clear_accepted(vcpu, vector);
    vcpu->injected = true;
    vcpu->last_device_vector = vector;
    vcpu_update(walk, vcpu);
}

/* The vCPU of this id; NULL if another VM has one of it, too. */
static Vcpu *vcpu_by_apic_id(Walk *walk, const Machine *host, uint32_t id)
{
    Vcpu *found = NULL;

    for (guint i = 0; i < walk->vcpus->len; i++) {
        Vcpu *vcpu = walk->vcpus->pdata[i];

        if (vcpu->guest->host == host && vcpu->has_apic_id &&
            vcpu->apic_id == id) {
            if (found) {
                return NULL;
            }
            found = vcpu;
        }
    }
    return found;
}

static void on_accept(Walk *walk, Machine *machine, const BoundEvent *bound,
                      const TimelineEvent *event)
{
    Vcpu *vcpu =
        vcpu_by_apic_id(walk, machine, (uint32_t)field(bound, 0, event));
    unsigned vector = (unsigned)field(bound, 1, event) % N_VECTORS;
    uint64_t bit = UINT64_C(1) << vector % 64;

    if (!vcpu) {
        return;
    }
    if (vcpu->pending_ticks[vector] == 0) {
        vcpu->pending_ticks[vector] = walk->now;
    }
    if (!(vcpu->accepted[vector / 64] & bit)) {
        vcpu->accepted[vector / 64] |= bit;
        vcpu->n_accepted++;
    }
    vcpu_update(walk, vcpu);
}

/* Handled, though no event of the guest's may have told. */
static void on_eoi(Walk *walk, Machine *machine, const BoundEvent *bound,
                   const TimelineEvent *event)
{
    Vcpu *vcpu =
        vcpu_by_apic_id(walk, machine, (uint32_t)field(bound, 0, event));
    unsigned vector = (unsigned)field(bound, 1, event) % N_VECTORS;

    if (vcpu && !(vcpu->accepted[vector / 64] & UINT64_C(1) << vector % 64)) {
        vcpu->pending_ticks[vector] = 0;
    }
}

static void on_tsc_offset(Walk *walk G_GNUC_UNUSED, Machine *machine,
                          const BoundEvent *bound, const TimelineEvent *event)
{
    Vcpu *vcpu = vcpu_of_event(machine, event);

    if (vcpu) {
        vcpu->step_sum_ticks += (int64_t)((uint64_t)field(bound, 1, event) -
                                          (uint64_t)field(bound, 0, event));
    }
}

void host_events_bind(Walk *walk, Machine *machine)
{
    static const EventSpec specs[] = {
        {"sched",
         "sched_switch",
         on_switch,
         {"prev_pid", "prev_state", "next_pid", "next_comm", "prev_comm"}},
        {"sched", "sched_waking", on_waking, {"pid", "target_cpu"}},
        {"sched", "sched_wakeup", on_placed, {"pid", "target_cpu"}},
        {"sched", "sched_migrate_task", on_placed, {"pid", "dest_cpu"}},
        {"kvm", "kvm_entry", on_kvm_entry, {"vcpu_id"}},
        {"kvm", "kvm_exit", on_kvm_exit, {"exit_reason", "isa"}},
        {"kvm", "kvm_userspace_exit", on_user_exit, {"reason", "errno"}},
        {"kvm", "kvm_pio", on_pio, {"rw", "port"}},
        {"kvm", "kvm_mmio", on_mmio, {"type", "gpa"}},
        {"kvm", "kvm_vcpu_wakeup", on_halt_over, {"ns", "waited"}},
        {"kvm", "kvm_halt_poll_ns", on_poll_ns, {"new"}},
        {"kvm", "kvm_apic_accept_irq", on_accept, {"apicid", "vec"}},
        {"kvm", "kvm_eoi", on_eoi, {"apicid", "vector"}},
        {"kvm",
         "kvm_write_tsc_offset",
         on_tsc_offset,
         {"previous_tsc_offset", "next_tsc_offset"}},
    };
    static const IrqHandlers irqs = {on_irq_entry, on_softirq_entry,
                                     on_vector_entry, on_irq_leave};
    EventSpec inject = {"kvm", "kvm_inj_virq", on_inject, {"vector"}};
    const BoundEvent *bound = machine_bind_one(machine, &inject);

    /* Linux before 6.2 called it irq. */
    if (bound && bound->fields[0].offset_bytes < 0) {
        inject.fields[0] = "irq";
        machine_bind_one(machine, &inject);
    }
    machine_bind(machine, specs, G_N_ELEMENTS(specs));
    irq_events_bind(walk, machine, &irqs);
}

static void set_lossy(Walk *walk, HostCpu *cpu, bool lossy)
{
    if (cpu->lossy != lossy) {
        cpu->lossy = lossy;
        walk->n_lossy_cpus += lossy ? 1 : -1u;
    }
}

/* What this CPU said of vCPUs is no longer true. */
static void forget(Walk *walk, Machine *machine, unsigned number)
{
    HostCpu *cpu = machine_host_cpu(machine, number);

    cpu->current = NULL;
    cpu->irqs.depth = 0;
    for (guint i = 0; i < walk->vcpus->len; i++) {
        Vcpu *vcpu = walk->vcpus->pdata[i];

        if (vcpu->guest->host == machine &&
            (vcpu->sched != SCHED_RUNNING || vcpu->host_cpu == number)) {
            vcpu_forget_host(walk, machine, vcpu);
        }
    }
}

void host_event(Walk *walk, Machine *machine, const TimelineEvent *event)
{
    const CpuEvent *record = &event->event;
    HostCpu *cpu = machine_host_cpu(machine, event->cpu);
    int id = event_record_id(record->data, record->size_bytes);
    unsigned bound = id < 0 ? 0 : machine->bound_of_id[id];

    if (record->missed_events != 0) {
        set_lossy(walk, cpu, false);
        forget(walk, machine, event->cpu);
    }
    if (!cpu->current) {
        int32_t pid = (int32_t)event_field_read(&machine->pid, record->data,
                                                record->size_bytes);

        set_current(walk, machine, cpu, event->cpu,
                    task_table_get(machine->tasks, pid));
    }
    if (bound) {
        const BoundEvent *known =
            &g_array_index(machine->bound, BoundEvent, bound);

        known->handler(walk, machine, known, event);
    }
    if (record->loss_follows) {
        set_lossy(walk, cpu, true);
        forget(walk, machine, event->cpu);
    }
}
