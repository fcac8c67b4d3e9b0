/*
 * CommTable: the names of a file's tasks, as they are known so far.
 *
 * Names as find_cmdline() and tep_register_comm() of libtraceevent do, whose
 * first lookup is an event of its own: until then names pile up, whether the
 * task has one or not.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/comm-table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "trace-data/print-text.h"

/* PID_MAX_LIMIT of include/linux/threads.h. */
#define MAX_PID (INT32_C(4) << 20)
/* As many names as a file can make us remember. */
#define MAX_NAMES (UINT32_C(1) << 20)

/* Names of tasks are 15 bytes long; files may say what they want. */
#define MAX_NAME_BYTES 256u

/* The layout of what libtraceevent sorts: of equal pids the same one wins. */
typedef struct EarlyName {
    char *name;
    int32_t pid;
} EarlyName;

struct CommTable {
    CommName **cells; /* a hash table, NULL where empty */
    unsigned bits;
    size_t used;
    GArray *early; /* of EarlyName, until the first lookup; then NULL */
    CommName *idle;
    CommName *stranger;
};

static void early_name_clear(gpointer data)
{
    g_free(((EarlyName *)data)->name);
}

static CommName *make_name(int32_t pid, const char *text)
{
    g_autofree char *prefix = g_strdup_printf("%16s-%-5d", text, pid);
    PrintText escaped = PRINT_TEXT_INIT;
    size_t size = strlen(text);
    CommName *name;

    print_text_escape(&escaped, prefix, strlen(prefix));
    name = g_malloc0(sizeof(*name) + size + print_text_size(&escaped) +
                     PRINT_TEXT_BLOCK);
    name->pid = pid;
    name->name_size = (uint32_t)size;
    name->prefix_size = (uint32_t)print_text_size(&escaped);
    memcpy(name->text, escaped.start, name->prefix_size);
    memcpy(name->text + name->prefix_size, text, size);
    print_text_clear(&escaped);
    return name;
}

static CommName **find_cell(const CommTable *table, int32_t pid)
{
    size_t mask = ((size_t)1 << table->bits) - 1;
    size_t i = ((uint32_t)pid * UINT32_C(0x9e3779b9)) >> (32 - table->bits);

    while (table->cells[i] && table->cells[i]->pid != pid) {
        i = (i + 1) & mask;
    }
    return &table->cells[i];
}

static void make_cells(CommTable *table, unsigned bits)
{
    g_autofree CommName **old = table->cells;
    size_t n_old = old ? (size_t)1 << table->bits : 0;

    table->bits = bits;
    table->cells = g_new0(CommName *, (size_t)1 << bits);
    for (size_t i = 0; i < n_old; i++) {
        if (old[i]) {
            *find_cell(table, old[i]->pid) = old[i];
        }
    }
}

/* Is it a task's that has no name yet, and is there room for one? */
static bool can_learn(const CommTable *table, int32_t pid)
{
    return pid > 0 && pid <= MAX_PID && table->used < MAX_NAMES &&
           !*find_cell(table, pid);
}

static void put(CommTable *table, int32_t pid, const char *text)
{
    *find_cell(table, pid) = make_name(pid, text);
    table->used++;
    if (table->used * 2 > (size_t)1 << table->bits) {
        make_cells(table, table->bits + 1);
    }
}

static void read_names(CommTable *table, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        char *end = NULL;
        gint64 pid = g_ascii_strtoll(*line, &end, 10);
        EarlyName name = {.pid = (int32_t)pid};

        if (**line == '\0') {
            continue;
        }
        if (end == *line || *g_strchug(end) == '\0') {
            return;
        }
        name.name = g_strndup(end, MAX_NAME_BYTES);
        g_array_append_val(table->early, name);
    }
}

CommTable *comm_table_new(const char *text)
{
    CommTable *table = g_new0(CommTable, 1);

    table->early = g_array_new(FALSE, FALSE, sizeof(EarlyName));
    g_array_set_clear_func(table->early, early_name_clear);
    table->idle = make_name(0, "<idle>");
    table->stranger = make_name(-1, "<...>");
    make_cells(table, 10);
    if (text) {
        read_names(table, text);
    }
    return table;
}

void comm_table_free(CommTable *table)
{
    if (table) {
        g_clear_pointer(&table->early, g_array_unref);
        for (size_t i = 0; i < (size_t)1 << table->bits; i++) {
            g_free(table->cells[i]);
        }
        g_free(table->cells);
        g_free(table->idle);
        g_free(table->stranger);
        g_free(table);
    }
}

static int compare_pids(const void *a, const void *b)
{
    int32_t left = ((const EarlyName *)a)->pid;
    int32_t right = ((const EarlyName *)b)->pid;

    return (left > right) - (left < right);
}

/* Of several names of a task libtraceevent's search finds one. */
void comm_table_settle(CommTable *table)
{
    GArray *early = table->early;
    guint n = early ? early->len : 0;
    g_autofree EarlyName *names = g_new(EarlyName, n + 1);

    for (guint i = 0; i < n; i++) {
        names[i] = g_array_index(early, EarlyName, n - 1 - i);
    }
    qsort(names, n, sizeof(*names), compare_pids);
    for (guint i = 0; i < n; i++) {
        const EarlyName *found;

        if (can_learn(table, names[i].pid)) {
            found = bsearch(&names[i], names, n, sizeof(*names), compare_pids);
            put(table, found->pid, found->name);
        }
    }
    g_clear_pointer(&table->early, g_array_unref);
}

const CommName *comm_table_find(CommTable *table, int32_t pid)
{
    const CommName *name;

    if (pid == 0) {
        return table->idle;
    }
    if (table->early) {
        comm_table_settle(table);
    }
    name = *find_cell(table, pid);
    return name ? name : table->stranger;
}

void comm_table_learn(CommTable *table, int32_t pid, const char *name,
                      size_t size)
{
    char text[MAX_NAME_BYTES + 1];
    EarlyName early = {.pid = pid};

    if (table->early ? table->early->len >= MAX_NAMES
                     : !can_learn(table, pid)) {
        return;
    }
    size = strnlen(name, MIN(size, MAX_NAME_BYTES));
    memcpy(text, name, size);
    text[size] = '\0';
    if (table->early) {
        early.name = g_strdup(text);
        g_array_append_val(table->early, early);
    } else {
        put(table, pid, text);
    }
}
