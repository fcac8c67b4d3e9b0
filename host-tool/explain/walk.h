/*
 * Walk: the state of everything while an analysis goes over the timeline.
 *
 * Private to this room.  make-analysis.c sets it up and drives it, vcpu-state.c
 * knows what a vCPU's state means, host-events.c and guest-events.c what an
 * event changes in it, intervals.c what is to be kept of a span that ended.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef WALK_H
#define WALK_H

#include <string.h>

#include "explain/cause.h"
#include "explain/make-analysis.h"
#include "explain/segment-log.h"
#include "explain/statistics.h"
#include "explain/task-table.h"

#define MAX_NESTED_IRQS 8
#define MAX_FIELDS      6
#define N_VECTORS       256
#define N_RECENT_TOTALS 256
#define N_RECENT_EXITS  64

/* What a vCPU's thread does when it has a CPU. */
typedef enum VcpuMode {
    MODE_UNKNOWN,
    MODE_GUEST,
    MODE_EXIT, /* in KVM */
    MODE_USER, /* in QEMU */
    MODE_HALT, /* in KVM's kvm_vcpu_halt() */
} VcpuMode;

/* Whether it has one. */
typedef enum VcpuSched {
    SCHED_UNKNOWN,
    SCHED_RUNNING,
    SCHED_RUNNABLE,
    SCHED_SLEEPING,
    SCHED_STOPPED,
} VcpuSched;

/* The interrupts and softirqs that a CPU is in, innermost last. */
typedef struct IrqStack {
    uint32_t names[MAX_NESTED_IRQS];
    bool soft[MAX_NESTED_IRQS];
    unsigned depth; /* may exceed MAX_NESTED_IRQS */
} IrqStack;

typedef struct Machine Machine;
typedef struct Walk Walk;
typedef struct Vcpu Vcpu;

/* One vCPU: the host's thread and the guest's CPU. */
struct Vcpu {
    unsigned index; /* into Analysis.vcpus */
    Machine *guest;
    unsigned cpu;
    Machine *as_host; /* of vCPUs of its own, whose CPU it is; NULL: none */
    VcpuStats *stats;
    SegmentLog *log;

    /* The host's side. */
    VcpuSched sched;
    VcpuMode mode;
    bool kvm_seen; /* kvm_entry or kvm_exit: not a TCG guest */
    unsigned host_cpu;
    Vcpu *next_waiting; /* on the same host CPU */
    uint32_t apic_id;
    bool has_apic_id;
    uint32_t exit_reason;
    uint64_t exit_ticks; /* 0: not known to be out of the guest */
    uint32_t user_detail;
    uint32_t user_reason;   /* KVM_EXIT_* */
    uint64_t poll_ns;       /* how long KVM polls before it sleeps */
    uint64_t woken_ticks;   /* while halted; 0: not */
    uint64_t steal_ticks;   /* runnable since; 0: not */
    int64_t step_sum_ticks; /* all changes of the TSC offset */

    /* Interrupts on their way into the guest. */
    uint64_t pending_ticks[N_VECTORS]; /* since when; 0: not */
    uint64_t accepted[N_VECTORS / 64]; /* not injected yet */
    unsigned n_accepted;
    bool injected;               /* since the last guest event */
    unsigned last_device_vector; /* 0: none */

    /* The guest's side. */
    Task *current; /* NULL: not known */
    IrqStack irqs;
    bool has_deadline;
    uint64_t deadline_ticks;     /* of the line */
    int64_t deadline_step_ticks; /* step_sum_ticks when it was set */
};

typedef struct HostCpu {
    Task *current;
    IrqStack irqs;
    Vcpu *running;
    Vcpu *waiting;
    bool lossy;
} HostCpu;

typedef struct BoundEvent BoundEvent;
typedef void (*EventHandler)(Walk *walk, Machine *machine,
                             const BoundEvent *bound,
                             const TimelineEvent *event);

/* An event of one machine that says something. */
struct BoundEvent {
    EventHandler handler;
    EventField fields[MAX_FIELDS];
    uint32_t name;
    unsigned vector;
};

/* How it is found, to be put into a table. */
typedef struct EventSpec {
    const char *system;
    const char *name;
    EventHandler handler;
    const char *fields[MAX_FIELDS];
} EventSpec;

/*
 * A recording in one of its roles: as a host, or as a guest.  A guest that
 * runs guests has both.
 */
struct Machine {
    const TimelineInput *input;
    bool is_host;
    Machine *host;        /* of a guest; may be NULL */
    Machine *as_guest;    /* of a host that is a guest itself, or NULL */
    Machine *other_role;  /* of the same input, or NULL */
    uint64_t first_ticks; /* of its first and last event; all of time where */
    uint64_t last_ticks;  /* it has none */
    TaskTable *tasks;
    EventField pid;
    EventField flags;
    uint8_t *bound_of_id; /* by event id, 0: none; index into bound */
    unsigned n_ids;
    GArray *bound;      /* of BoundEvent; the first is unused */
    GArray *host_cpus;  /* of HostCpu */
    GPtrArray *vcpus;   /* of a guest: of Vcpu by CPU, NULL entries */
    GHashTable *irqs;   /* number -> name */
    GHashTable *timers; /* hrtimer's address -> uint64_t *expires */
    bool deadline_seen; /* the guest's timers are TSC deadlines */
    int osnoise_id;
    uint32_t softirqs[16]; /* names by number */
    uint32_t timer_name;   /* of the local timer's interrupt */
};

/* A span that ended: what intervals_close() is told. */
typedef struct Span {
    IntervalKind kind;
    const Vcpu *vcpu; /* the last leg's */
    uint64_t start_ticks;
    uint64_t end_ticks;
    uint64_t step_ticks;
    uint32_t name;
    unsigned vector;
    bool is_recorders;
    const Task *task;            /* that waited, or NULL */
    TaskLeg legs[TASK_MAX_LEGS]; /* other CPUs it passed, in order */
    unsigned n_legs;
} Span;

/* The longest of their kind so far. */
typedef struct KeptFindings {
    GPtrArray *list; /* of Finding */
    uint64_t shortest_ticks;
} KeptFindings;

/* The name of an exit's reason. */
typedef struct ExitName {
    uint32_t reason;
    uint32_t name; /* NAME_OTHERS: not known */
} ExitName;

struct Walk {
    Analysis *analysis;
    const AnalysisOptions *options;
    Names *names;
    GPtrArray *machines; /* of Machine, in the inputs' order, hosts first */
    Machine *current;    /* the last event's */
    GPtrArray *vcpus;    /* of Vcpu */
    bool by_time;        /* the line is in the events' nanoseconds */
    unsigned n_lossy_cpus;
    uint32_t tcg_wait_name; /* what a vCPU's thread sleeps for under TCG */
    uint64_t now;           /* the event's place on the line */
    GHashTable *totals;     /* CauseTotal by itself */
    CauseTotal *recent_totals[N_RECENT_TOTALS]; /* NULL entries */
    ExitName recent_exits[N_RECENT_EXITS];
    KeptFindings kept[INTERVAL_N_KINDS];
    KeptFindings recorders;
    Finding scratch; /* reused for each interval */
};

/* event_field_read() of the sizes that most fields have, in line. */
static inline int64_t read_field(const EventField *field,
                                 const TimelineEvent *event)
{
    uint32_t size_bytes = event->event.size_bytes;
    uint32_t offset_bytes = (uint32_t)field->offset_bytes;
    uint32_t small;
    int64_t large;

    if (field->offset_bytes >= 0 && field->size_bytes == sizeof(small) &&
        size_bytes >= offset_bytes + sizeof(small)) {
        memcpy(&small, event->event.data + offset_bytes, sizeof(small));
        return field->is_signed ? (int32_t)small : (int64_t)small;
    }
    if (field->offset_bytes >= 0 && field->size_bytes == sizeof(large) &&
        size_bytes >= offset_bytes + sizeof(large)) {
        memcpy(&large, event->event.data + offset_bytes, sizeof(large));
        return large;
    }
    return event_field_read(field, event->event.data, size_bytes);
}

static inline int64_t field(const BoundEvent *bound, unsigned index,
                            const TimelineEvent *event)
{
    return read_field(&bound->fields[index], event);
}

/* The bytes of an array field, and how many of them there are. */
const uint8_t *field_bytes(const BoundEvent *bound, unsigned index,
                           const TimelineEvent *event, size_t *size);

/* machine.c */
Machine *machine_new(Walk *walk, const TimelineInput *input, bool is_host);
void machine_free(Machine *machine);
void machine_bind(Machine *machine, const EventSpec *specs, size_t n_specs);
BoundEvent *machine_bind_one(Machine *machine, const EventSpec *spec);

static inline HostCpu *machine_host_cpu(Machine *machine, unsigned cpu)
{
    return cpu < machine->host_cpus->len
               ? &g_array_index(machine->host_cpus, HostCpu, cpu)
               : NULL;
}

static inline Vcpu *machine_vcpu(const Machine *machine, unsigned cpu)
{
    return cpu < machine->vcpus->len ? machine->vcpus->pdata[cpu] : NULL;
}

/*
 * The name of an interrupt by the event that tells its number and, in a
 * __data_loc field, its text.
 */
uint32_t machine_irq_name(Walk *walk, Machine *machine, const BoundEvent *bound,
                          const TimelineEvent *event);

/* host-events.c, guest-events.c */
void host_events_bind(Walk *walk, Machine *machine);
void host_event(Walk *walk, Machine *machine, const TimelineEvent *event);
void guest_events_bind(Walk *walk, Machine *machine);
void guest_event(Walk *walk, Machine *machine, const TimelineEvent *event);

/* irq-stack.c: what both sides have in common. */
void irq_push(IrqStack *stack, uint32_t name, bool soft);
void irq_pop(IrqStack *stack);
/* The innermost; depth must not be 0. */
uint32_t irq_top(const IrqStack *stack);
bool irq_top_is_soft(const IrqStack *stack);
/* Binds irq_handler_*, softirq_* and irq_vectors' events. */
typedef struct IrqHandlers {
    EventHandler irq_entry;
    EventHandler softirq_entry;
    EventHandler vector_entry;
    EventHandler leave;
} IrqHandlers;
void irq_events_bind(Walk *walk, Machine *machine, const IrqHandlers *handlers);

/* vcpu-state.c */
Vcpu *vcpu_new(Walk *walk, Machine *guest, unsigned cpu, int32_t thread_id);
void vcpu_free(Vcpu *vcpu);
/* Whether all of [from_ticks, now] was recorded by both host and guest. */
bool vcpu_is_joint(const Walk *walk, const Vcpu *vcpu, uint64_t from_ticks);
/* Ends its history. */
void vcpu_finish(Walk *walk, Vcpu *vcpu);
/* Looks at the state anew; what changed holds from walk->now on. */
void vcpu_update(Walk *walk, Vcpu *vcpu);
/* All of a host CPU's: the one that runs and those that wait. */
void host_cpu_update(Walk *walk, HostCpu *cpu);
void vcpu_set_waiting(Walk *walk, Machine *host, Vcpu *vcpu, unsigned cpu);
void vcpu_set_running(Walk *walk, Machine *host, Vcpu *vcpu, unsigned cpu);
void vcpu_set_off(Walk *walk, Machine *host, Vcpu *vcpu, VcpuSched sched);
void vcpu_leave_guest(Walk *walk, Vcpu *vcpu, uint32_t reason);
void vcpu_forget_host(Walk *walk, Machine *host, Vcpu *vcpu);

/* intervals.c */
GHashTable *intervals_totals_new(void);
void intervals_close(Walk *walk, const Span *span);
/* Sorts what was kept into the analysis. */
void intervals_finish(Walk *walk);

#endif
