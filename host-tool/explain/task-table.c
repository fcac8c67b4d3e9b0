/*
 * TaskTable: the tasks of one kernel as its scheduler events show them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/task-table.h"

#include <string.h>

/* Half of the slots may be used. */
#define N_SLOTS   (UINT32_C(1) << 16)
#define MAX_TASKS (N_SLOTS / 2)

struct TaskTable {
    Names *names;
    GPtrArray *tasks; /* of Task, owned */
    Task **slots;     /* open addressing by pid */
};

static void task_free(gpointer data)
{
    Task *task = data;

    if (task->wakeups) {
        histogram_clear(task->wakeups);
        g_free(task->wakeups);
    }
    g_clear_pointer(&task->marks, g_ptr_array_unref);
    g_free(task);
}

static Task *add_task(TaskTable *table, int32_t pid)
{
    Task *task = g_new0(Task, 1);

    task->pid = pid;
    if (pid == 0) {
        strcpy(task->comm, "swapper");
    }
    task->name = names_task(table->names, pid, task->comm, sizeof(task->comm));
    g_ptr_array_add(table->tasks, task);
    return task;
}

TaskTable *task_table_new(Names *names)
{
    TaskTable *table = g_new0(TaskTable, 1);

    table->names = names;
    table->tasks = g_ptr_array_new_with_free_func(task_free);
    table->slots = g_new0(Task *, N_SLOTS);
    add_task(table, NAME_NO_PID);
    return table;
}

void task_table_free(TaskTable *table)
{
    if (table) {
        g_ptr_array_unref(table->tasks);
        g_free(table->slots);
        g_free(table);
    }
}

static uint32_t slot_of(int32_t pid)
{
    return ((uint32_t)pid * UINT32_C(2654435761)) >> 16;
}

Task *task_table_get(TaskTable *table, int32_t pid)
{
    for (uint32_t i = slot_of(pid);; i = (i + 1) & (N_SLOTS - 1)) {
        Task *task = table->slots[i];

        if (!task) {
            if (table->tasks->len > MAX_TASKS) {
                return table->tasks->pdata[0];
            }
            table->slots[i] = add_task(table, pid);
            return table->slots[i];
        }
        if (task->pid == pid) {
            return task;
        }
    }
}

/* Whether it is another one than was known. */
static bool take_comm(Task *task, const uint8_t *comm, size_t size)
{
    char text[TASK_COMM_BYTES] = {0};
    size_t length = strnlen((const char *)comm, MIN(size, TASK_COMM_BYTES - 1));

    memcpy(text, comm, length);
    /* Each CPU's idle task has a name of its own, but they share their pid. */
    if (task->pid == 0 || memcmp(text, task->comm, sizeof(text)) == 0) {
        return false;
    }
    memcpy(task->comm, text, sizeof(text));
    return true;
}

void task_table_set_comm(TaskTable *table, Task *task, const uint8_t *comm,
                         size_t size)
{
    if (!take_comm(task, comm, size)) {
        return;
    }
    if (names_get(table->names, task->name)->text[0] == '\0') {
        names_set_comm(table->names, task->name, task->comm, TASK_COMM_BYTES);
    } else {
        /* Another task of the same pid. */
        task->name =
            names_task(table->names, task->pid, task->comm, TASK_COMM_BYTES);
    }
    task->is_recorder = names_get(table->names, task->name)->is_recorder;
}

void task_table_rename(TaskTable *table, Task *task, const uint8_t *comm,
                       size_t size)
{
    if (take_comm(task, comm, size)) {
        names_set_comm(table->names, task->name, task->comm, TASK_COMM_BYTES);
        task->is_recorder = names_get(table->names, task->name)->is_recorder;
    }
}

guint task_table_size(const TaskTable *table)
{
    return table->tasks->len;
}

Task *task_table_at(const TaskTable *table, guint index)
{
    return table->tasks->pdata[index];
}
