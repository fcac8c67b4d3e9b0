/*
 * The host's default events, filters and CPUs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/host-choice.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "session/session-error.h"

#define MAX_HOST_CPUS 8192
/* The kernel takes a filter of up to a page. */
#define MAX_FILTER_BYTES 4000

/* Why the guest left, when it came back, and what was injected meanwhile. */
static const char *const kvm_events[] = {"kvm", NULL};

/* What else the host's CPUs did instead of running the guest. */
static const char *const other_events[] = {
    "sched/sched_switch", "sched/sched_wakeup",       "sched/sched_wakeup_new",
    "sched/sched_waking", "sched/sched_migrate_task", "irq",
    "irq_vectors",        "timer/hrtimer_*",          NULL,
};

/* Without these nothing shows that the clocks match. */
static const char *const proof_events[] = {
    "kvm/kvm_entry",
    "kvm/kvm_exit",
    "kvm/kvm_write_tsc_offset",
    NULL,
};

static const char *const per_thread_events[] = {
    "kvm/kvm_entry",
    "kvm/kvm_exit",
    NULL,
};

static void add_all(GPtrArray *list, const char *const *strings)
{
    for (; strings && *strings; strings++) {
        g_ptr_array_add(list, g_strdup(*strings));
    }
}

static char **choose_events(const HostChoiceInput *input)
{
    GPtrArray *events = g_ptr_array_new();

    if (input->events && *input->events) {
        add_all(events, input->events);
        add_all(events, input->needs_kvm ? proof_events : NULL);
    } else {
        add_all(events, input->needs_kvm ? kvm_events : NULL);
        add_all(events, other_events);
    }
    g_ptr_array_add(events, NULL);
    return (char **)g_ptr_array_free(events, FALSE);
}

/* Whether the user has a filter of their own for the event. */
static gboolean has_filter(const char *const *filters, const char *event)
{
    const char *name = strchr(event, '/') + 1;

    for (; filters && *filters; filters++) {
        if (strstr(*filters, name)) {
            return TRUE;
        }
    }
    return FALSE;
}

/* "common_pid == 1 || common_pid == 2", or NULL if that gets too long. */
static char *thread_filter(const HostChoiceInput *input)
{
    GString *filter = g_string_new(NULL);

    for (size_t i = 0; i < input->n_vcpu_threads; i++) {
        g_string_append_printf(filter, "%scommon_pid == %d",
                               filter->len ? " || " : "",
                               (int)input->vcpu_threads[i]);
    }
    return g_string_free(filter,
                         filter->len == 0 || filter->len > MAX_FILTER_BYTES);
}

static char **choose_filters(const HostChoiceInput *input)
{
    GPtrArray *filters = g_ptr_array_new();
    g_autofree char *threads = input->needs_kvm ? thread_filter(input) : NULL;

    add_all(filters, input->filters);
    for (size_t i = 0; threads && per_thread_events[i]; i++) {
        if (!has_filter(input->filters, per_thread_events[i])) {
            g_ptr_array_add(filters, g_strconcat(per_thread_events[i], ":",
                                                 threads, NULL));
        }
    }
    g_ptr_array_add(filters, NULL);
    return (char **)g_ptr_array_free(filters, FALSE);
}

/* The process that a thread belongs to, or 0. */
static pid_t process_of(int32_t thread)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)thread);
    g_autofree char *text = NULL;
    const char *line;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return 0;
    }
    line = strstr(text, "\nTgid:");
    return line ? atoi(line + strlen("\nTgid:")) : 0;
}

static void add_process_cpus(pid_t process, cpu_set_t *cpus, size_t set_bytes)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task", (int)process);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    cpu_set_t *own = g_malloc0(set_bytes);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        if (sched_getaffinity(atoi(name), set_bytes, own) == 0) {
            CPU_OR_S(set_bytes, cpus, cpus, own);
        }
    }
    g_free(own);
}

/* tracing_cpumask's text: groups of 32 bits, the highest first. */
static char *mask_text(const cpu_set_t *cpus, size_t set_bytes, int n_cpus)
{
    GString *text = g_string_new(NULL);

    for (int group = (n_cpus - 1) / 32; group >= 0; group--) {
        uint32_t bits = 0;

        for (int bit = 0; bit < 32; bit++) {
            bits |= CPU_ISSET_S(group * 32 + bit, set_bytes, cpus)
                        ? UINT32_C(1) << bit
                        : 0;
        }
        g_string_append_printf(text, "%s%08x", text->len ? "," : "", bits);
    }
    return g_string_free(text, FALSE);
}

/* NULL also when all CPUs are meant. */
static char *choose_cpumask(const HostChoiceInput *input)
{
    size_t set_bytes = CPU_ALLOC_SIZE(MAX_HOST_CPUS);
    cpu_set_t *cpus = g_malloc0(set_bytes);
    int n_cpus = sysconf(_SC_NPROCESSORS_CONF);
    char *mask = NULL;
    int n_set;

    for (size_t i = 0; i < input->n_vcpu_threads; i++) {
        pid_t process = process_of(input->vcpu_threads[i]);

        if (process > 0) {
            add_process_cpus(process, cpus, set_bytes);
        }
    }
    n_set = CPU_COUNT_S(set_bytes, cpus);
    if (n_set > 0 && n_set < sysconf(_SC_NPROCESSORS_ONLN) &&
        n_cpus <= MAX_HOST_CPUS) {
        mask = mask_text(cpus, set_bytes, n_cpus);
    }
    g_free(cpus);
    return mask;
}

HostChoice *host_choice_new(const HostChoiceInput *input, GError **error)
{
    HostChoice *choice;

    for (size_t i = 0; i < input->n_vcpu_threads; i++) {
        if (process_of(input->vcpu_threads[i]) == 0) {
            g_set_error(error, SESSION_ERROR, SESSION_ERROR_REFUSED,
                        "the vCPU thread %d that QEMU names is not on this "
                        "machine; run qemu-trace-merge on QEMU's own host, "
                        "outside of its container",
                        (int)input->vcpu_threads[i]);
            return NULL;
        }
    }
    choice = g_new0(HostChoice, 1);
    choice->events = choose_events(input);
    choice->filters = choose_filters(input);
    choice->cpumask = choose_cpumask(input);
    return choice;
}

void host_choice_free(HostChoice *choice)
{
    if (choice) {
        g_strfreev(choice->events);
        g_strfreev(choice->filters);
        g_free(choice->cpumask);
        g_free(choice);
    }
}
