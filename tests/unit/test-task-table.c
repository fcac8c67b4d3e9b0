/*
 * TaskTable: what tasks are called.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "explain/task-table.h"

static void set_comm(TaskTable *table, int32_t pid, const char *comm)
{
    task_table_set_comm(table, task_table_get(table, pid),
                        (const uint8_t *)comm, strlen(comm));
}

static const char *text_of(const Names *names, TaskTable *table, int32_t pid)
{
    return names_get(names, task_table_get(table, pid)->name)->text;
}

/* What executed a program is known by it from its start. */
static void test_rename(void)
{
    g_autoptr(Names) names = names_new();
    g_autoptr(TaskTable) table = task_table_new(names);
    Task *task = task_table_get(table, 7);
    uint32_t name;

    set_comm(table, 7, "bash");
    name = task->name;
    task_table_rename(table, task, (const uint8_t *)"qga-trace", 9);
    g_assert_cmpuint(task->name, ==, name);
    g_assert_cmpstr(text_of(names, table, 7), ==, "qga-trace");
    g_assert_true(task->is_recorder);
}

static void test_pid_again(void)
{
    g_autoptr(Names) names = names_new();
    g_autoptr(TaskTable) table = task_table_new(names);
    uint32_t name;

    set_comm(table, 7, "first");
    name = task_table_get(table, 7)->name;
    set_comm(table, 7, "second");
    g_assert_cmpstr(names_get(names, name)->text, ==, "first");
    g_assert_cmpstr(text_of(names, table, 7), ==, "second");
}

/* The CPUs' idle tasks take turns: that must not use up the names. */
static void test_idle(void)
{
    g_autoptr(Names) names = names_new();
    g_autoptr(TaskTable) table = task_table_new(names);

    for (unsigned i = 0; i < 2 * NAMES_MAX; i++) {
        set_comm(table, 0, i % 2 ? "swapper/1" : "swapper/0");
    }
    set_comm(table, 7, "late");
    g_assert_cmpstr(text_of(names, table, 0), ==, "swapper");
    g_assert_cmpstr(text_of(names, table, 7), ==, "late");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/task-table/rename", test_rename);
    g_test_add_func("/task-table/pid-again", test_pid_again);
    g_test_add_func("/task-table/idle", test_idle);
    return g_test_run();
}
