/*
 * TaskTable: the tasks of one kernel as its scheduler events show them.
 *
 * Bounded: a hostile trace can name any number of pids.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TASK_TABLE_H
#define TASK_TABLE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "explain/histogram.h"
#include "explain/names.h"

#define TASK_COMM_BYTES 16
#define TASK_MAX_LEGS   4

typedef enum TaskState {
    TASK_UNSEEN,
    TASK_RUNNING,
    TASK_RUNNABLE, /* preempted */
    TASK_WAKING,   /* from its waking to its running */
    TASK_SLEEPING,
} TaskState;

/* Which CPU's doing a task's wait was, from when on. */
typedef struct TaskLeg {
    uint64_t from_ticks;
    unsigned cpu;
} TaskLeg;

typedef struct Task {
    int32_t pid;
    uint32_t name; /* of Names */
    char comm[TASK_COMM_BYTES];
    TaskState state;
    unsigned cpu;                /* where it runs or waits */
    TaskLeg legs[TASK_MAX_LEGS]; /* of the wait in hand */
    unsigned n_legs;
    struct Vcpu *vcpu;    /* a host's thread that is a vCPU */
    bool is_recorder;     /* of the recording itself */
    Histogram *wakeups;   /* of a guest's task, or NULL */
    uint64_t took_ticks;  /* of vCPUs' time, while they were runnable */
    uint64_t ran_ticks;   /* of the recorder's tasks */
    uint64_t since_ticks; /* on the CPU */
    GPtrArray *marks;     /* of Mark, or NULL */
} Task;

typedef struct TaskTable TaskTable;

/* names stays the caller's. */
TaskTable *task_table_new(Names *names);
void task_table_free(TaskTable *table);

/* Makes it when it isn't there; the one "other" task when there are too
 * many.  Valid as long as the table. */
Task *task_table_get(TaskTable *table, int32_t pid);

/* comm is what an event says the task is called now; at most size bytes. */
void task_table_set_comm(TaskTable *table, Task *task, const uint8_t *comm,
                         size_t size);

/*
 * The same of a task that had another name when it began to run: it has
 * executed a program, whose name is what the task is known by from its start.
 */
void task_table_rename(TaskTable *table, Task *task, const uint8_t *comm,
                       size_t size);

/* All of them. */
guint task_table_size(const TaskTable *table);
Task *task_table_at(const TaskTable *table, guint index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TaskTable, task_table_free)

#endif
