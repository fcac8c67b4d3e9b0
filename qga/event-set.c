/*
 * EventSet: which events of a kernel a list of names means.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "event-set.h"

#include <fnmatch.h>
#include <string.h>

#include "trace-error.h"

/*
 * What shows where a CPU's time went and what took it, at a cost that a busy
 * guest bears.  Left out for their rate: sched_stat_*, read_msr, page faults
 * from user space, system calls.
 */
const char *const event_set_default[] = {
    /* Who runs, who woke it, who moved it. */
    "sched/sched_switch",
    "sched/sched_wakeup",
    "sched/sched_waking",
    "sched/sched_wakeup_new",
    "sched/sched_migrate_task",
    "sched/sched_pi_setprio",
    /* Which names belong to which pid. */
    "sched/sched_process_fork",
    "sched/sched_process_exec",
    "sched/sched_process_exit",
    "task/task_rename",
    "task/task_newtask",
    /* What interrupts. */
    "irq",
    "irq_vectors",
    "nmi/nmi_handler",
    "mce/mce_record",
    "ipi/ipi_send_cpu",
    "ipi/ipi_send_cpumask",
    /* Why it came then; the TSC deadline is an MSR (6e0). */
    "timer",
    "msr/write_msr",
    /* What keeps a CPU from its work without an interrupt. */
    "power/cpu_idle",
    "workqueue/workqueue_execute_start",
    "workqueue/workqueue_execute_end",
    "exceptions/page_fault_kernel",
    "osnoise/sample_threshold",
    "vmscan/mm_vmscan_direct_reclaim_begin",
    "vmscan/mm_vmscan_direct_reclaim_end",
    "compaction/mm_compaction_begin",
    "compaction/mm_compaction_end",
    NULL,
};

/* A spec, split; both are patterns, and system may be NULL. */
typedef struct EventPattern {
    char *system;
    char *event;
} EventPattern;

static void event_pattern_clear(EventPattern *pattern)
{
    g_free(pattern->system);
    g_free(pattern->event);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EventPattern, event_pattern_clear)

static EventPattern event_pattern_parse(const char *spec)
{
    EventPattern pattern = {0};
    gsize system_length = strcspn(spec, "/:");

    if (spec[system_length]) {
        pattern.system = g_strndup(spec, system_length);
        pattern.event = g_strdup(spec + system_length + 1);
    } else {
        pattern.event = g_strdup(spec);
    }
    return pattern;
}

static bool event_pattern_matches(const EventPattern *pattern,
                                  const char *system, const char *event)
{
    if (pattern->system) {
        return fnmatch(pattern->system, system, 0) == 0 &&
               fnmatch(pattern->event, event, 0) == 0;
    }
    return fnmatch(pattern->event, system, 0) == 0 ||
           fnmatch(pattern->event, event, 0) == 0;
}

static void list_system(const char *events_dir, const char *system,
                        GPtrArray *names)
{
    g_autofree char *path = g_build_filename(events_dir, system, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *event;

    while (dir && (event = g_dir_read_name(dir))) {
        g_autofree char *enable = g_build_filename(path, event, "enable", NULL);

        if (g_file_test(enable, G_FILE_TEST_EXISTS)) {
            g_ptr_array_add(names, g_strdup_printf("%s/%s", system, event));
        }
    }
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static GPtrArray *list_all(const char *events_dir, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(events_dir, 0, error);
    const char *system;

    if (!dir) {
        return NULL;
    }
    while ((system = g_dir_read_name(dir))) {
        list_system(events_dir, system, names);
    }
    g_ptr_array_sort(names, compare_names);
    return g_steal_pointer(&names);
}

/* Marks in @chosen what @spec names; returns how many that are. */
static guint mark_matches(const GPtrArray *names, const char *spec,
                          bool *chosen)
{
    g_auto(EventPattern) pattern = event_pattern_parse(spec);
    guint count = 0;

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        const char *slash = strchr(name, '/');
        g_autofree char *system = g_strndup(name, slash - name);

        if (event_pattern_matches(&pattern, system, slash + 1)) {
            chosen[i] = true;
            count++;
        }
    }
    return count;
}

GPtrArray *event_set_resolve(const char *events_dir, const char *const *specs,
                             GPtrArray *missing, GError **error)
{
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) names = list_all(events_dir, error);
    g_autofree bool *chosen = NULL;

    if (!names) {
        return NULL;
    }
    chosen = g_new0(bool, names->len + 1);
    for (guint i = 0; specs[i]; i++) {
        if (mark_matches(names, specs[i], chosen) > 0) {
            continue;
        }
        if (!missing) {
            trace_throw(error,
                        "unknown event \"%s\": this kernel's events are "
                        "listed in available_events of its tracefs",
                        specs[i]);
            return NULL;
        }
        g_ptr_array_add(missing, g_strdup(specs[i]));
    }
    for (guint i = 0; i < names->len; i++) {
        if (chosen[i]) {
            g_ptr_array_add(events, g_strdup(g_ptr_array_index(names, i)));
        }
    }
    return g_steal_pointer(&events);
}

static GPtrArray *match_events(const GPtrArray *events, const char *spec)
{
    GPtrArray *matches = g_ptr_array_new_with_free_func(g_free);
    g_autofree bool *chosen = g_new0(bool, events->len + 1);

    mark_matches(events, spec, chosen);
    for (guint i = 0; i < events->len; i++) {
        if (chosen[i]) {
            g_ptr_array_add(matches, g_strdup(g_ptr_array_index(events, i)));
        }
    }
    return matches;
}

/*
 * A filter may hold ':' itself (in a string), so the shorter reading, one word
 * before the first ':', is tried last: "sched:sched_switch:..." names a system
 * first.
 */
GPtrArray *event_set_parse_filter(const GPtrArray *events, const char *spec,
                                  const char **filter, GError **error)
{
    const char *first = strchr(spec, ':');
    const char *second = first ? strchr(first + 1, ':') : NULL;

    for (int i = 0; i < 2; i++) {
        const char *colon = i == 0 ? second : first;
        g_autofree char *event = NULL;
        g_autoptr(GPtrArray) matches = NULL;

        if (!colon || !colon[1] || colon == spec) {
            continue;
        }
        event = g_strndup(spec, colon - spec);
        matches = match_events(events, event);
        if (matches->len > 0) {
            *filter = colon + 1;
            return g_steal_pointer(&matches);
        }
    }
    trace_throw(error,
                "filter \"%s\" is not EVENT:FILTER with an event that is "
                "recorded: name the event with -e too",
                spec);
    return NULL;
}
