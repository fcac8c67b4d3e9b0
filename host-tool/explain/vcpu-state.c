/*
 * What a vCPU's state is at an instant, composed of the host's side and the
 * guest's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/walk.h"

#include <linux/kvm.h>
#include <string.h>

#include "explain/exit-reason.h"

/* Histories together: 16 bytes each. */
#define HISTORY_SEGMENTS     (UINT32_C(1) << 18)
#define HISTORY_SEGMENTS_ALL (UINT32_C(1) << 22)

Vcpu *vcpu_new(Walk *walk, Machine *guest, unsigned cpu, int32_t thread_id)
{
    Vcpu *vcpu = g_new0(Vcpu, 1);

    vcpu->index = walk->vcpus->len;
    vcpu->guest = guest;
    vcpu->cpu = cpu;
    vcpu->stats = vcpu_stats_new(guest->input->label, cpu, thread_id);
    vcpu->log = segment_log_new(
        MIN(HISTORY_SEGMENTS, HISTORY_SEGMENTS_ALL / (vcpu->index + 1)));
    return vcpu;
}

void vcpu_free(Vcpu *vcpu)
{
    segment_log_free(vcpu->log);
    g_free(vcpu);
}

/* The host's CPU is in an interrupt or a softirq. */
static Cause compose_host_irq(const Vcpu *vcpu, const HostCpu *cpu)
{
    return cause_make(irq_top_is_soft(&cpu->irqs) ? CAUSE_HOST_SOFTIRQ
                                                  : CAUSE_HOST_IRQ,
                      vcpu->host_cpu, irq_top(&cpu->irqs));
}

/* Waits for a host CPU: what that one does meanwhile. */
static Cause compose_waiting(const Vcpu *vcpu)
{
    const Machine *host = vcpu->guest->host;
    const HostCpu *cpu =
        &g_array_index(host->host_cpus, HostCpu, vcpu->host_cpu);
    const Task *other = cpu->current;
    Cause cause;

    if (cpu->irqs.depth > 0) {
        return compose_host_irq(vcpu, cpu);
    }
    if (!other || other->pid == 0 || other->vcpu == vcpu) {
        return cause_make(CAUSE_HOST_WAKE, vcpu->host_cpu, NAME_OTHERS);
    }
    cause = cause_make(CAUSE_PREEMPTED, vcpu->host_cpu, other->name);
    return other->is_recorder ? cause_with_flags(cause, CAUSE_FLAG_RECORDER)
                              : cause;
}

/* In guest mode: what the guest does. */
static Cause compose_guest(const Vcpu *vcpu)
{
    const Task *task = vcpu->current;

    if (vcpu->irqs.depth > 0 && !irq_top_is_soft(&vcpu->irqs)) {
        return cause_make(CAUSE_GUEST_IRQ, CAUSE_NO_CPU, irq_top(&vcpu->irqs));
    }
    if (!task) {
        return cause_plain(CAUSE_UNKNOWN);
    }
    if (vcpu->injected) {
        return cause_plain(CAUSE_GUEST_ENTRY);
    }
    if (vcpu->n_accepted > 0) {
        return cause_make(CAUSE_GUEST_IRQS_OFF, CAUSE_NO_CPU, task->name);
    }
    if (vcpu->irqs.depth > 0) {
        return cause_make(CAUSE_GUEST_SOFTIRQ, CAUSE_NO_CPU,
                          irq_top(&vcpu->irqs));
    }
    return task->pid == 0
               ? cause_plain(CAUSE_GUEST_IDLE)
               : cause_make(CAUSE_GUEST_TASK, CAUSE_NO_CPU, task->name);
}

static Cause compose_running(const Vcpu *vcpu)
{
    const Machine *host = vcpu->guest->host;
    const HostCpu *cpu =
        &g_array_index(host->host_cpus, HostCpu, vcpu->host_cpu);

    if (cpu->irqs.depth > 0) {
        return compose_host_irq(vcpu, cpu);
    }
    switch (vcpu->mode) {
    case MODE_GUEST:
        return compose_guest(vcpu);
    case MODE_EXIT:
        return cause_make(CAUSE_EXIT, CAUSE_NO_CPU, vcpu->exit_reason);
    case MODE_USER:
        return cause_make(CAUSE_QEMU, CAUSE_NO_CPU, vcpu->user_detail);
    case MODE_HALT:
        return vcpu->poll_ns > 0
                   ? cause_plain(CAUSE_HALT_POLL)
                   : cause_make(CAUSE_EXIT, CAUSE_NO_CPU, vcpu->exit_reason);
    default:
        return cause_plain(CAUSE_UNKNOWN);
    }
}

static bool is_idle(const Vcpu *vcpu)
{
    return vcpu->irqs.depth == 0 && (!vcpu->current || vcpu->current->pid == 0);
}

static Cause compose_sleeping(const Walk *walk, const Vcpu *vcpu)
{
    switch (vcpu->mode) {
    case MODE_EXIT:
        return cause_make(CAUSE_EXIT_WAIT, CAUSE_NO_CPU, vcpu->exit_reason);
    case MODE_USER:
        /* Kicked out for no wish of the guest's, and kept. */
        return vcpu->user_reason == KVM_EXIT_INTR
                   ? cause_plain(CAUSE_QEMU_PAUSED)
                   : cause_make(CAUSE_QEMU_WAIT, CAUSE_NO_CPU,
                                vcpu->user_detail);
    case MODE_GUEST: /* under TCG; a busy guest can't have halted */
        return is_idle(vcpu) ? cause_plain(CAUSE_HALTED)
                             : cause_make(CAUSE_QEMU_WAIT, CAUSE_NO_CPU,
                                          walk->tcg_wait_name);
    case MODE_HALT:
        return cause_plain(CAUSE_HALTED);
    default:
        return cause_plain(CAUSE_UNKNOWN);
    }
}

/*
 * Whether the vCPU can't go on while its host's CPU, itself a vCPU, is kept
 * from running by this.
 */
static bool depends_on(const Vcpu *vcpu, CauseKind outer)
{
    switch (vcpu->sched) {
    case SCHED_RUNNING:
    case SCHED_RUNNABLE:
        return true;
    case SCHED_SLEEPING:
        /* Halted on a CPU that can't wake it; else, one that needn't. */
        return (vcpu->mode == MODE_HALT || vcpu->mode == MODE_GUEST) &&
               (outer == CAUSE_PREEMPTED || outer == CAUSE_STOPPED ||
                outer == CAUSE_QEMU_PAUSED || outer == CAUSE_HOST_IRQ ||
                outer == CAUSE_HOST_SOFTIRQ || outer == CAUSE_HOST_WAKE);
    default:
        return false;
    }
}

/* What its host can't know: what that one's own vCPU was kept from. */
static Cause through_host(const Vcpu *vcpu, Cause cause)
{
    const Machine *host = vcpu->guest->host;
    const Vcpu *cpu =
        host->as_guest ? machine_vcpu(host->as_guest, vcpu->host_cpu) : NULL;
    Cause outer = cpu ? segment_log_last(cpu->log) : cause_plain(CAUSE_UNKNOWN);

    return cause_is_hosts(cause_kind(outer)) &&
                   depends_on(vcpu, cause_kind(outer))
               ? cause_raise(outer)
               : cause;
}

static Cause compose(const Walk *walk, const Vcpu *vcpu)
{
    /* Whoever isn't seen running may have been, where events are missing. */
    if (vcpu->sched != SCHED_RUNNING && walk->n_lossy_cpus > 0) {
        return cause_plain(CAUSE_UNKNOWN);
    }
    switch (vcpu->sched) {
    case SCHED_RUNNING:
        return compose_running(vcpu);
    case SCHED_RUNNABLE:
        return compose_waiting(vcpu);
    case SCHED_SLEEPING:
        return compose_sleeping(walk, vcpu);
    case SCHED_STOPPED:
        return cause_plain(CAUSE_STOPPED);
    default:
        return cause_plain(CAUSE_UNKNOWN);
    }
}

/* What the guest's recorder makes the host do is the recording's, too. */
static Cause add_recorder_flag(const Vcpu *vcpu, Cause cause)
{
    switch (cause_kind(cause)) {
    case CAUSE_GUEST_TASK:
    case CAUSE_EXIT:
    case CAUSE_EXIT_WAIT:
    case CAUSE_QEMU:
    case CAUSE_QEMU_WAIT:
        return vcpu->current && vcpu->current->is_recorder
                   ? cause_with_flags(cause, CAUSE_FLAG_RECORDER)
                   : cause;
    default:
        return cause;
    }
}

/* Only what host and guest both recorded counts. */
static void account(const Walk *walk, Vcpu *vcpu, Cause cause, uint64_t ticks)
{
    uint64_t from = MAX(walk->now - ticks, vcpu->guest->first_ticks);
    uint64_t to = MIN(walk->now, vcpu->guest->last_ticks);

    if (from >= to) {
        return;
    }
    vcpu->stats->by_kind[cause_kind(cause)] += to - from;
    if (cause_flags(cause) & CAUSE_FLAG_RECORDER) {
        vcpu->stats->recorder_ticks += to - from;
    }
}

/* Hands on what of the history is settled, and was recorded by both sides. */
static void tell_segments(const Walk *walk, Vcpu *vcpu, bool at_end)
{
    const AnalysisOptions *options = walk->options;
    Segment segment;

    while (options->on_segment &&
           segment_log_take(vcpu->log, at_end, walk->now, &segment)) {
        segment.from_ticks = MAX(segment.from_ticks, vcpu->guest->first_ticks);
        segment.to_ticks = MIN(segment.to_ticks, vcpu->guest->last_ticks);
        if (segment.from_ticks < segment.to_ticks) {
            options->on_segment(vcpu->index, &segment, walk->names,
                                options->data);
        }
    }
}

static void set_cause(Walk *walk, Vcpu *vcpu, Cause cause)
{
    Cause ended;
    uint64_t ticks = segment_log_add(vcpu->log, walk->now, cause, &ended);

    account(walk, vcpu, ended, ticks);
    tell_segments(walk, vcpu, false);
}

/* The guest's guests that this vCPU is the CPU of. */
static void update_above(Walk *walk, const Vcpu *cpu)
{
    for (guint i = 0; i < walk->vcpus->len; i++) {
        Vcpu *vcpu = walk->vcpus->pdata[i];

        if (vcpu->guest->host == cpu->as_host && vcpu->host_cpu == cpu->cpu) {
            vcpu_update(walk, vcpu);
        }
    }
}

void vcpu_update(Walk *walk, Vcpu *vcpu)
{
    Cause cause =
        through_host(vcpu, add_recorder_flag(vcpu, compose(walk, vcpu)));

    if (cause != segment_log_last(vcpu->log)) {
        set_cause(walk, vcpu, cause);
        if (vcpu->as_host) {
            update_above(walk, vcpu);
        }
    }
}

void vcpu_finish(Walk *walk, Vcpu *vcpu)
{
    set_cause(walk, vcpu, cause_plain(CAUSE_UNKNOWN));
    tell_segments(walk, vcpu, true);
}

bool vcpu_is_joint(const Walk *walk, const Vcpu *vcpu, uint64_t from_ticks)
{
    return from_ticks >= vcpu->guest->first_ticks &&
           walk->now <= vcpu->guest->last_ticks;
}

void host_cpu_update(Walk *walk, HostCpu *cpu)
{
    if (cpu->running) {
        vcpu_update(walk, cpu->running);
    }
    for (Vcpu *vcpu = cpu->waiting; vcpu; vcpu = vcpu->next_waiting) {
        vcpu_update(walk, vcpu);
    }
}

/* Takes it off the host CPU's list where it waits or runs. */
static void detach(Machine *host, Vcpu *vcpu)
{
    HostCpu *cpu = machine_host_cpu(host, vcpu->host_cpu);
    Vcpu **link = cpu ? &cpu->waiting : NULL;

    if (!cpu) {
        return;
    }
    while (*link && *link != vcpu) {
        link = &(*link)->next_waiting;
    }
    if (*link) {
        *link = vcpu->next_waiting;
    }
    vcpu->next_waiting = NULL;
    if (cpu->running == vcpu) {
        cpu->running = NULL;
    }
}

static void end_steal(Walk *walk, Vcpu *vcpu)
{
    if (vcpu->steal_ticks && vcpu_is_joint(walk, vcpu, vcpu->steal_ticks)) {
        histogram_add(&vcpu->stats->steals, walk->now - vcpu->steal_ticks);
    }
    vcpu->steal_ticks = 0;
}

void vcpu_set_waiting(Walk *walk, Machine *host, Vcpu *vcpu, unsigned cpu)
{
    HostCpu *there = machine_host_cpu(host, cpu);

    if (!there) {
        return;
    }
    detach(host, vcpu);
    if (vcpu->sched != SCHED_RUNNABLE) {
        vcpu->steal_ticks = walk->now;
    }
    vcpu->sched = SCHED_RUNNABLE;
    vcpu->host_cpu = cpu;
    vcpu->next_waiting = there->waiting;
    there->waiting = vcpu;
    vcpu_update(walk, vcpu);
}

void vcpu_set_running(Walk *walk, Machine *host, Vcpu *vcpu, unsigned cpu)
{
    HostCpu *there = machine_host_cpu(host, cpu);

    if (!there || (vcpu->sched == SCHED_RUNNING && there->running == vcpu)) {
        return;
    }
    detach(host, vcpu);
    end_steal(walk, vcpu);
    vcpu->sched = SCHED_RUNNING;
    vcpu->host_cpu = cpu;
    there->running = vcpu;
    vcpu_update(walk, vcpu);
}

void vcpu_set_off(Walk *walk, Machine *host, Vcpu *vcpu, VcpuSched sched)
{
    detach(host, vcpu);
    end_steal(walk, vcpu);
    vcpu->sched = sched;
    vcpu_update(walk, vcpu);
}

void vcpu_leave_guest(Walk *walk, Vcpu *vcpu, uint32_t reason)
{
    if (vcpu->mode == MODE_GUEST && vcpu->kvm_seen) {
        vcpu->mode = MODE_EXIT;
        vcpu->exit_ticks = walk->now;
        vcpu->exit_reason = reason;
        vcpu->user_reason = KVM_EXIT_UNKNOWN;
    }
}

void vcpu_forget_host(Walk *walk, Machine *host, Vcpu *vcpu)
{
    detach(host, vcpu);
    vcpu->sched = SCHED_UNKNOWN;
    vcpu->mode = MODE_UNKNOWN;
    vcpu->exit_ticks = 0;
    vcpu->woken_ticks = 0;
    vcpu->steal_ticks = 0;
    vcpu->injected = false;
    vcpu->n_accepted = 0;
    memset(vcpu->accepted, 0, sizeof(vcpu->accepted));
    memset(vcpu->pending_ticks, 0, sizeof(vcpu->pending_ticks));
    vcpu_update(walk, vcpu);
}
