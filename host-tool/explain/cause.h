/*
 * Cause: what a vCPU's time went to at one instant, packed into 64 bits so
 * that a long history of them is cheap.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CAUSE_H
#define CAUSE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "explain/names.h"

/* What name stands for is said beside each kind. */
typedef enum CauseKind {
    CAUSE_UNKNOWN,        /* no host data, or events were lost */
    CAUSE_GUEST_TASK,     /* the task that ran */
    CAUSE_GUEST_IDLE,     /* in guest mode without a task */
    CAUSE_GUEST_IRQ,      /* the handler that ran */
    CAUSE_GUEST_SOFTIRQ,  /* the softirq that ran */
    CAUSE_GUEST_IRQS_OFF, /* the task; an interrupt waited meanwhile */
    CAUSE_GUEST_ENTRY,    /* injected, its handler has not begun */
    CAUSE_GUEST_WAKE,     /* idle in the guest with a task to be switched to */
    CAUSE_INJECTION,      /* the guest ran, the host had not injected yet */
    CAUSE_EXIT,           /* exit_reason_text()'s number */
    CAUSE_EXIT_WAIT,      /* the same; its handling slept */
    CAUSE_QEMU,           /* what was asked of QEMU */
    CAUSE_QEMU_WAIT,      /* the same; QEMU's thread slept */
    CAUSE_QEMU_PAUSED,    /* QEMU kept the vCPU from running */
    CAUSE_STOPPED,        /* by a signal or a debugger */
    CAUSE_PREEMPTED,      /* the host task that ran instead */
    CAUSE_HOST_IRQ,       /* the host's handler */
    CAUSE_HOST_SOFTIRQ,   /* the host's softirq */
    CAUSE_HOST_WAKE,      /* woken, the CPU was idle or still switching */
    CAUSE_HALT_POLL,      /* halted, KVM polled */
    CAUSE_HALTED,         /* halted, and nobody had woken the thread */
    CAUSE_CLOCK_STEP,     /* the guest's TSC moved */
    CAUSE_OTHER,          /* many small ones */
    CAUSE_N_KINDS,
} CauseKind;

/* The recorder's own doing. */
#define CAUSE_FLAG_RECORDER 1u

/*
 * Where the host is a guest itself, its CPU is a vCPU: level 1 is what that
 * one's time went to, on its own host; level 2 one further out.
 */
#define CAUSE_LEVEL_SHIFT 1
#define CAUSE_MAX_LEVEL   7u

/* A host CPU that a cause does not name. */
#define CAUSE_NO_CPU 0xffffu

typedef uint64_t Cause;

static inline Cause cause_make(CauseKind kind, unsigned cpu, uint32_t name)
{
    return (uint64_t)kind << 56 | (uint64_t)(cpu & 0xffffu) << 32 | name;
}

static inline Cause cause_plain(CauseKind kind)
{
    return cause_make(kind, CAUSE_NO_CPU, NAME_OTHERS);
}

static inline Cause cause_with_flags(Cause cause, unsigned flags)
{
    return cause | (uint64_t)(flags & 0xffu) << 48;
}

static inline CauseKind cause_kind(Cause cause)
{
    return (CauseKind)(cause >> 56);
}

static inline unsigned cause_flags(Cause cause)
{
    return (unsigned)(cause >> 48) & 0xffu;
}

/* How many hosts further out than the vCPU's own; 0 to CAUSE_MAX_LEVEL. */
static inline unsigned cause_level(Cause cause)
{
    return cause_flags(cause) >> CAUSE_LEVEL_SHIFT & CAUSE_MAX_LEVEL;
}

/* The same, told of a vCPU that runs on the one it was told of. */
static inline Cause cause_raise(Cause cause)
{
    return cause_level(cause) < CAUSE_MAX_LEVEL
               ? cause + cause_with_flags(0, 1u << CAUSE_LEVEL_SHIFT)
               : cause;
}

/* The host CPU it happened on, or CAUSE_NO_CPU. */
static inline unsigned cause_cpu(Cause cause)
{
    return (unsigned)(cause >> 32) & 0xffffu;
}

static inline uint32_t cause_name(Cause cause)
{
    return (uint32_t)cause;
}

/* A word for programs: "host-preemption", "exit", ...; the same for life. */
const char *cause_kind_id(CauseKind kind);

/* The task, reason or handler, or NULL where there is none. */
const char *cause_name_text(const Names *names, Cause cause);

/*
 * What a sentence says after "391 us": "runnable on host CPU 3 behind
 * kworker/3:1".  Caller frees.
 */
char *cause_text(const Names *names, Cause cause);

/*
 * The same for all recordings: without pids and CPU numbers, so that two can
 * be compared.  Caller frees.
 */
char *cause_class_text(const Names *names, Cause cause);

/* Whether the host, rather than the guest, is to be asked about it. */
bool cause_is_hosts(CauseKind kind);

#endif
