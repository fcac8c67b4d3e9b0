/*
 * The host's default events, filters and CPUs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/host-choice.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "session/session-error.h"

#define MAX_HOST_CPUS 8192
/* The kernel takes a filter of up to a page. */
#define MAX_FILTER_BYTES 4000

/* How the host's CPUs were chosen. */
typedef enum CpuChoice {
    CPUS_ALL,
    CPUS_GIVEN,    /* by the user */
    CPUS_PINNED,   /* those that all vCPUs are pinned to */
    CPUS_UNPINNED, /* those that vCPUs may run on, some of them anywhere */
} CpuChoice;

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

/* What hits whoever runs on a CPU. */
static const char *const interrupt_events[] = {
    "irq",
    "irq_vectors",
    "timer/hrtimer_*",
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
    const char *slash = strchr(event, '/');
    const char *name = slash ? slash + 1 : event;

    for (; filters && *filters; filters++) {
        if (strstr(*filters, name)) {
            return TRUE;
        }
    }
    return FALSE;
}

/* "common_pid == 1 || common_pid == 2", or NULL if that gets too long. */
static char *thread_filter(const GArray *threads)
{
    GString *filter = g_string_new(NULL);

    for (guint i = 0; i < threads->len; i++) {
        g_string_append_printf(filter, "%scommon_pid == %d",
                               filter->len ? " || " : "",
                               (int)g_array_index(threads, int32_t, i));
    }
    return g_string_free(filter,
                         filter->len == 0 || filter->len > MAX_FILTER_BYTES);
}

/* For each of events for which the user has no filter. */
static void add_filters(GPtrArray *filters, const HostChoiceInput *input,
                        const char *const *events, const GArray *threads)
{
    g_autofree char *filter = thread_filter(threads);

    for (; filter && *events; events++) {
        if (!has_filter(input->filters, *events)) {
            g_ptr_array_add(filters, g_strconcat(*events, ":", filter, NULL));
        }
    }
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

/* All threads of the vCPUs' processes, and the idle task. */
static GArray *guest_threads(const HostChoiceInput *input)
{
    g_autoptr(GHashTable) processes = g_hash_table_new(NULL, NULL);
    GArray *threads = g_array_new(FALSE, FALSE, sizeof(int32_t));
    int32_t idle = 0;

    g_array_append_val(threads, idle);
    for (size_t i = 0; i < input->n_vcpu_threads; i++) {
        pid_t process = process_of(input->vcpu_threads[i]);
        g_autofree char *path = g_strdup_printf("/proc/%d/task", (int)process);
        g_autoptr(GDir) dir =
            g_hash_table_add(processes, GINT_TO_POINTER(process))
                ? g_dir_open(path, 0, NULL)
                : NULL;
        const char *name;

        while (dir && (name = g_dir_read_name(dir))) {
            int32_t thread = atoi(name);

            g_array_append_val(threads, thread);
        }
    }
    return threads;
}

static char **choose_filters(const HostChoiceInput *input, CpuChoice cpus)
{
    GPtrArray *filters = g_ptr_array_new();

    add_all(filters, input->filters);
    if (input->needs_kvm) {
        g_autoptr(GArray) vcpus = g_array_new(FALSE, FALSE, sizeof(int32_t));

        g_array_append_vals(vcpus, input->vcpu_threads, input->n_vcpu_threads);
        add_filters(filters, input, per_thread_events, vcpus);
    }
    if (cpus == CPUS_UNPINNED && !(input->events && *input->events)) {
        g_autoptr(GArray) threads = guest_threads(input);

        add_filters(filters, input, interrupt_events, threads);
    }
    g_ptr_array_add(filters, NULL);
    return (char **)g_ptr_array_free(filters, FALSE);
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

/* "0-3,8": FALSE if it is none, or has a CPU that is not there. */
static gboolean parse_cpus(const char *text, cpu_set_t *cpus, size_t set_bytes,
                           int n_cpus)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);

    for (guint i = 0; parts[i]; i++) {
        char *end;
        guint64 first = g_ascii_strtoull(parts[i], &end, 10);
        guint64 last = first;

        if (end == parts[i] || !g_ascii_isdigit(parts[i][0])) {
            return FALSE;
        }
        if (*end == '-' && g_ascii_isdigit(end[1])) {
            last = g_ascii_strtoull(end + 1, &end, 10);
        }
        if (*end || first > last || last >= (guint64)n_cpus) {
            return FALSE;
        }
        for (guint64 cpu = first; cpu <= last; cpu++) {
            CPU_SET_S(cpu, set_bytes, cpus);
        }
    }
    return parts[0] != NULL;
}

static char *list_text(const cpu_set_t *cpus, size_t set_bytes, int n_cpus)
{
    GString *text = g_string_new(NULL);

    for (int cpu = 0; cpu < n_cpus; cpu++) {
        int last = cpu;

        if (!CPU_ISSET_S(cpu, set_bytes, cpus)) {
            continue;
        }
        while (last + 1 < n_cpus && CPU_ISSET_S(last + 1, set_bytes, cpus)) {
            last++;
        }
        g_string_append_printf(text, last > cpu ? "%s%d-%d" : "%s%d",
                               text->len ? "," : "", cpu, last);
        cpu = last;
    }
    return g_string_free(text, FALSE);
}

/* The union of the vCPUs' affinities; whether each of them is limited. */
static CpuChoice find_vcpu_cpus(const HostChoiceInput *input, cpu_set_t *cpus,
                                size_t set_bytes)
{
    cpu_set_t *own = g_malloc0(set_bytes);
    int n_online = sysconf(_SC_NPROCESSORS_ONLN);
    CpuChoice choice = CPUS_PINNED;

    for (size_t i = 0; i < input->n_vcpu_threads; i++) {
        if (sched_getaffinity(input->vcpu_threads[i], set_bytes, own) < 0 ||
            CPU_COUNT_S(set_bytes, own) >= n_online) {
            choice = CPUS_UNPINNED;
        }
        CPU_OR_S(set_bytes, cpus, cpus, own);
    }
    g_free(own);
    return input->n_vcpu_threads ? choice : CPUS_UNPINNED;
}

static const char *const why_texts[] = {
    [CPUS_ALL] = "The host's CPUs are all recorded",
    [CPUS_GIVEN] = "Of the host, what runs on %s is recorded, as asked for",
    [CPUS_PINNED] =
        "Of the host, what runs on %s is recorded: the vCPUs are pinned "
        "there",
    [CPUS_UNPINNED] = "Of the host, the vCPUs' threads are recorded, which are "
                      "not pinned, and who runs on %s",
};

static gboolean choose_cpus(const HostChoiceInput *input, HostChoice *choice,
                            CpuChoice *kind, GError **error)
{
    size_t set_bytes = CPU_ALLOC_SIZE(MAX_HOST_CPUS);
    g_autofree cpu_set_t *cpus = g_malloc0(set_bytes);
    int n_cpus = sysconf(_SC_NPROCESSORS_CONF);
    g_autofree char *list = NULL;
    g_autofree char *names = NULL;
    int n_set;

    if (input->all_cpus) {
        *kind = CPUS_ALL;
    } else if (!input->host_cpus) {
        *kind = find_vcpu_cpus(input, cpus, set_bytes);
    } else if (parse_cpus(input->host_cpus, cpus, set_bytes, n_cpus)) {
        *kind = CPUS_GIVEN;
    } else {
        g_set_error(error, SESSION_ERROR, SESSION_ERROR_REFUSED,
                    "--host-cpus needs CPUs of this machine, such as 0-%d, not "
                    "'%s'",
                    n_cpus - 1, input->host_cpus);
        return FALSE;
    }
    n_set = CPU_COUNT_S(set_bytes, cpus);
    if (n_set > 0 && n_set < sysconf(_SC_NPROCESSORS_ONLN) &&
        n_cpus <= MAX_HOST_CPUS) {
        choice->cpumask = mask_text(cpus, set_bytes, n_cpus);
    }
    list = list_text(cpus, set_bytes, n_cpus);
    names = g_strdup_printf(n_set == 1 ? "CPU %s" : "CPUs %s", list);
    choice->why = g_strdup_printf(why_texts[*kind], names);
    return TRUE;
}

static gboolean check_threads(const HostChoiceInput *input, GError **error)
{
    for (size_t i = 0; i < input->n_vcpu_threads; i++) {
        if (process_of(input->vcpu_threads[i]) == 0) {
            g_set_error(error, SESSION_ERROR, SESSION_ERROR_REFUSED,
                        "the vCPU thread %d that QEMU names is not on this "
                        "machine; run qemu-trace-merge on QEMU's own host, "
                        "outside of its container",
                        (int)input->vcpu_threads[i]);
            return FALSE;
        }
    }
    return TRUE;
}

HostChoice *host_choice_new(const HostChoiceInput *input, GError **error)
{
    g_autoptr(HostChoice) choice = g_new0(HostChoice, 1);
    CpuChoice kind = CPUS_ALL;

    if (!check_threads(input, error) ||
        !choose_cpus(input, choice, &kind, error)) {
        return NULL;
    }
    choice->events = choose_events(input);
    choice->filters = choose_filters(input, kind);
    return g_steal_pointer(&choice);
}

void host_choice_free(HostChoice *choice)
{
    if (choice) {
        g_strfreev(choice->events);
        g_strfreev(choice->filters);
        g_free(choice->cpumask);
        g_free(choice->why);
        g_free(choice);
    }
}
