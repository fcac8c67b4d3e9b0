/*
 * CommTable: the names of a file's tasks, as they are known so far.
 *
 * A file lists the names that the kernel remembered; its scheduler events
 * tell more while they are printed.  An event shows what was known before it,
 * so that lookups and additions must come in the order of printing, from one
 * thread.  What a lookup returns stays, and may be read by others.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef COMM_TABLE_H
#define COMM_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <glib.h>

typedef struct CommTable CommTable;

typedef struct CommName {
    int32_t pid;          /* -1: of a task without a name */
    uint32_t name_size;   /* as it was written, maybe by a guest */
    uint32_t prefix_size; /* "%16s-%-5d" of name and pid, escaped */
    char text[];          /* prefix, name, NUL */
} CommName;

/* text is that of saved_cmdlines: "PID NAME" lines; it may be NULL. */
CommTable *comm_table_new(const char *text);
void comm_table_free(CommTable *table);

/*
 * Ends the time before the first lookup: from then on lookups only read, and
 * as long as nothing is learned they may come from any thread.
 */
void comm_table_settle(CommTable *table);

/* Never NULL: an unknown task's is that of pid -1, "<...>". */
const CommName *comm_table_find(CommTable *table, int32_t pid);

/* Ignored where the task has a name already.  name need not end with a NUL,
 * size is the most that it can have. */
void comm_table_learn(CommTable *table, int32_t pid, const char *name,
                      size_t size);

#endif
