/*
 * Cause: what a vCPU's time went to, in words.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/cause.h"

#include "explain/exit-reason.h"

/* What a kind's name is. */
typedef enum NameUse {
    NAME_NONE,
    NAME_TASK,
    NAME_TEXT,
    NAME_EXIT,
} NameUse;

static const struct {
    const char *id;
    NameUse use;
    bool hosts;
    const char *text; /* %n: the name, %c: the host CPU, %h: "host" */
} kinds[CAUSE_N_KINDS] = {
    [CAUSE_UNKNOWN] = {"unknown", NAME_NONE, false,
                       "unexplained (no host data or lost events)"},
    [CAUSE_GUEST_TASK] = {"guest-task", NAME_TASK, false,
                          "running guest task %n"},
    [CAUSE_GUEST_IDLE] = {"guest-idle", NAME_NONE, false, "idle in guest mode"},
    [CAUSE_GUEST_IRQ] = {"guest-irq", NAME_TEXT, false,
                         "in the guest's interrupt handler %n"},
    [CAUSE_GUEST_SOFTIRQ] = {"guest-softirq", NAME_TEXT, false,
                             "in the guest's softirq %n"},
    [CAUSE_GUEST_IRQS_OFF] = {"guest-irqs-off", NAME_TASK, false,
                              "in the guest with interrupts off (%n)"},
    [CAUSE_GUEST_ENTRY] = {"guest-entry", NAME_NONE, false,
                           "between injection and the guest's handler"},
    [CAUSE_GUEST_WAKE] = {"guest-wakeup", NAME_NONE, false,
                          "on the guest's own way from idle to the task"},
    [CAUSE_INJECTION] = {"injection", NAME_NONE, true,
                         "in the guest before the %h injected"},
    [CAUSE_EXIT] = {"exit", NAME_EXIT, true, "in exit handling of %n"},
    [CAUSE_EXIT_WAIT] = {"exit-wait", NAME_EXIT, true,
                         "asleep in exit handling of %n"},
    [CAUSE_QEMU] = {"qemu", NAME_TEXT, true, "in QEMU for %n"},
    [CAUSE_QEMU_WAIT] = {"qemu-wait", NAME_TEXT, true,
                         "waiting inside QEMU for %n"},
    [CAUSE_QEMU_PAUSED] = {"qemu-paused", NAME_NONE, true,
                           "kept from running by QEMU (stop)"},
    [CAUSE_STOPPED] = {"stopped", NAME_NONE, true,
                       "stopped by a signal (SIGSTOP)"},
    [CAUSE_PREEMPTED] = {"host-preemption", NAME_TASK, true,
                         "runnable on %h CPU %c behind %n"},
    [CAUSE_HOST_IRQ] = {"host-irq", NAME_TEXT, true,
                        "in %h CPU %c's interrupt %n"},
    [CAUSE_HOST_SOFTIRQ] = {"host-softirq", NAME_TEXT, true,
                            "in %h CPU %c's softirq %n"},
    [CAUSE_HOST_WAKE] = {"host-wakeup", NAME_NONE, true,
                         "on the %h's wake-up path to CPU %c"},
    [CAUSE_HALT_POLL] = {"halt-poll", NAME_NONE, true,
                         "halted, the %h polling"},
    [CAUSE_HALTED] = {"halted", NAME_NONE, true,
                      "halted, the %h had not woken it"},
    [CAUSE_CLOCK_STEP] = {"clock-step", NAME_NONE, true,
                          "by which the guest's TSC offset was changed"},
    [CAUSE_OTHER] = {"other", NAME_NONE, false, "of many small causes"},
};

const char *cause_kind_id(CauseKind kind)
{
    return kinds[kind].id;
}

bool cause_is_hosts(CauseKind kind)
{
    return kinds[kind].hosts;
}

const char *cause_name_text(const Names *names, Cause cause)
{
    switch (kinds[cause_kind(cause)].use) {
    case NAME_EXIT:
        return exit_reason_text(cause_name(cause));
    case NAME_TASK:
    case NAME_TEXT:
        return names_get(names, cause_name(cause))->text;
    default:
        return NULL;
    }
}

static void append_name(GString *text, const Names *names, Cause cause,
                        bool with_pid)
{
    const char *name = cause_name_text(names, cause);
    int32_t pid = names_get(names, cause_name(cause))->pid;
    bool is_task = kinds[cause_kind(cause)].use == NAME_TASK;

    if (is_task && name[0] == '\0') {
        g_string_append(text, "a task");
    } else {
        g_string_append(text, name);
    }
    if (is_task && with_pid && pid > 0) {
        g_string_append_printf(text, "-%d", pid);
    }
}

static void append_cpu(GString *text, Cause cause, bool in_full)
{
    if (in_full) {
        g_string_append_printf(text, "%u", cause_cpu(cause));
    } else {
        g_string_append_c(text, 'N');
    }
}

/* Whose vCPU it is, where it is not the one that is asked about. */
static void append_level(GString *text, Cause cause)
{
    for (unsigned level = cause_level(cause); level > 0; level--) {
        g_string_append(text, level == cause_level(cause) ? "with its host's "
                                                          : "host's ");
    }
    if (cause_level(cause) > 0) {
        g_string_append(text, "vCPU ");
    }
}

static void append_host(GString *text, Cause cause)
{
    for (unsigned level = cause_level(cause); level > 0; level--) {
        g_string_append(text, "outer ");
    }
    g_string_append(text, "host");
}

static char *expand(const Names *names, Cause cause, bool in_full)
{
    const char *format = kinds[cause_kind(cause)].text;
    GString *text = g_string_new(NULL);

    append_level(text, cause);
    for (const char *c = format; *c; c++) {
        if (*c != '%') {
            g_string_append_c(text, *c);
            continue;
        }
        switch (*++c) {
        case 'n':
            append_name(text, names, cause, in_full);
            break;
        case 'c':
            append_cpu(text, cause, in_full);
            break;
        default:
            append_host(text, cause);
            break;
        }
    }
    if (cause_flags(cause) & CAUSE_FLAG_RECORDER) {
        g_string_append(text, " (the recording itself)");
    }
    return g_string_free(text, FALSE);
}

char *cause_text(const Names *names, Cause cause)
{
    return expand(names, cause, true);
}

char *cause_class_text(const Names *names, Cause cause)
{
    return expand(names, cause, false);
}
