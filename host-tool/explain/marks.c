/*
 * Marks: intervals that users write into the trace.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/marks.h"

#include <stdio.h>
#include <string.h>

/* Marks that one task may have open, and all of them together. */
#define MAX_OPEN 64

#define NS_PER_US 1000

typedef struct Mark {
    uint32_t name;
    char *key; /* NAME|COOKIE, or NULL of a nested one */
    TaskLeg legs[TASK_MAX_LEGS];
    unsigned n_legs;
} Mark;

static void mark_free(gpointer data)
{
    Mark *mark = data;

    g_free(mark->key);
    g_free(mark);
}

static void begin(Walk *walk, Task *task, unsigned cpu, const char *name,
                  const char *key)
{
    Mark *mark;

    if (!task->marks) {
        task->marks = g_ptr_array_new_with_free_func(mark_free);
    }
    if (task->marks->len >= MAX_OPEN) {
        return;
    }
    mark = g_new0(Mark, 1);
    mark->name = names_text(walk->names, name);
    mark->key = g_strdup(key);
    mark->legs[mark->n_legs++] = (TaskLeg){walk->now, cpu};
    g_ptr_array_add(task->marks, mark);
}

static void close_mark(Walk *walk, Machine *machine, Task *task, guint index,
                       unsigned cpu)
{
    Mark *mark = task->marks->pdata[index];
    Span span = {
        .kind = INTERVAL_MARKED,
        .vcpu = machine_vcpu(machine, cpu),
        .start_ticks = mark->legs[0].from_ticks,
        .end_ticks = walk->now,
        .name = mark->name,
        .is_recorders = task->is_recorder,
        .task = task,
        .n_legs = mark->n_legs,
    };

    memcpy(span.legs, mark->legs, sizeof(span.legs));
    if (span.vcpu) {
        intervals_close(walk, &span);
    }
    g_ptr_array_remove_index(task->marks, index);
}

/* The innermost that is open, of those with this key. */
static void end(Walk *walk, Machine *machine, Task *task, unsigned cpu,
                const char *key)
{
    for (guint i = task->marks ? task->marks->len : 0; i-- > 0;) {
        const Mark *mark = task->marks->pdata[i];

        if (g_strcmp0(mark->key, key) == 0) {
            close_mark(walk, machine, task, i, cpu);
            return;
        }
    }
}

/* What follows "X|PID|". */
static const char *after_pid(const char *text)
{
    const char *bar = strchr(text + 2, '|');

    return bar ? bar + 1 : "";
}

static void cyclictest_mark(Walk *walk, Machine *machine, Task *task,
                            unsigned cpu, uint64_t us)
{
    uint64_t one_s_ns = analysis_span(walk->analysis, UINT64_C(1) << 32);
    uint64_t ticks =
        one_s_ns
            ? (uint64_t)(((unsigned __int128)us * NS_PER_US << 32) / one_s_ns)
            : us * NS_PER_US;
    const Span span = {
        .kind = INTERVAL_MARKED,
        .vcpu = machine_vcpu(machine, cpu),
        .start_ticks = walk->now - MIN(ticks, walk->now),
        .end_ticks = walk->now,
        .name = names_text(walk->names, "cyclictest"),
        .task = task,
    };

    if (span.vcpu) {
        intervals_close(walk, &span);
    }
}

/* Asynchronous marks are kept with the one task of no pid. */
static Task *anybody(Machine *machine)
{
    return task_table_get(machine->tasks, NAME_NO_PID);
}

void marks_text(Walk *walk, Machine *machine, Task *task, unsigned cpu,
                const char *text, size_t size)
{
    g_autofree char *line = g_strndup(text, MIN(size, 256));
    unsigned long long us;

    g_strchomp(line);
    if (sscanf(line, "hit latency threshold (%llu", &us) == 1) {
        cyclictest_mark(walk, machine, task, cpu, us);
    } else if (g_str_has_prefix(line, "B|")) {
        begin(walk, task, cpu, after_pid(line), NULL);
    } else if (g_str_has_prefix(line, "E|") || strcmp(line, "E") == 0) {
        end(walk, machine, task, cpu, NULL);
    } else if (g_str_has_prefix(line, "S|")) {
        g_autofree char *name = g_strdup(after_pid(line));

        name[strcspn(name, "|")] = '\0';
        begin(walk, anybody(machine), cpu, name, after_pid(line));
    } else if (g_str_has_prefix(line, "F|")) {
        end(walk, machine, anybody(machine), cpu, after_pid(line));
    }
}

void marks_moved(Walk *walk, Task *task, unsigned cpu)
{
    for (guint i = 0; task->marks && i < task->marks->len; i++) {
        Mark *mark = task->marks->pdata[i];
        TaskLeg *last = &mark->legs[mark->n_legs - 1];

        if (last->cpu == cpu) {
            continue;
        }
        if (mark->n_legs == TASK_MAX_LEGS) {
            last->cpu = cpu;
        } else {
            mark->legs[mark->n_legs++] = (TaskLeg){walk->now, cpu};
        }
    }
}
