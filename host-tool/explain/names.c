/*
 * Names: the words of an analysis.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/names.h"

#include <string.h>

/* Comms of what records; the kernel cuts them at 15 characters. */
static const char *const recorder_comms[] = {
    "qga-trace",
    "qemu-trace-merg",
    "trace-cmd",
};

struct Names {
    GArray *names; /* of Name; texts are the chunk's */
    GStringChunk *texts;
    GHashTable *by_text; /* text -> number, of those without a pid */
};

static bool is_recorder(const char *comm)
{
    for (size_t i = 0; i < G_N_ELEMENTS(recorder_comms); i++) {
        if (strcmp(comm, recorder_comms[i]) == 0) {
            return true;
        }
    }
    return false;
}

static uint32_t add(Names *names, const char *text, int32_t pid)
{
    Name name = {
        .text = g_string_chunk_insert_const(names->texts, text),
        .pid = pid,
        .is_recorder = pid != NAME_NO_PID && is_recorder(text),
    };

    if (names->names->len >= NAMES_MAX) {
        return NAME_OTHERS;
    }
    g_array_append_val(names->names, name);
    return names->names->len - 1;
}

Names *names_new(void)
{
    Names *names = g_new0(Names, 1);

    names->names = g_array_new(FALSE, FALSE, sizeof(Name));
    names->texts = g_string_chunk_new(4096);
    names->by_text = g_hash_table_new(g_str_hash, g_str_equal);
    add(names, "others", NAME_NO_PID);
    return names;
}

void names_free(Names *names)
{
    if (names) {
        g_hash_table_unref(names->by_text);
        g_string_chunk_free(names->texts);
        g_array_unref(names->names);
        g_free(names);
    }
}

/* A terminated copy without anything that acts on a terminal. */
static char *plain_text(const char *text, size_t size)
{
    char *plain = g_strndup(text, size);

    for (char *c = plain; *c; c++) {
        *c = g_ascii_isprint(*c) ? *c : '?';
    }
    return plain;
}

uint32_t names_text(Names *names, const char *text)
{
    g_autofree char *plain = plain_text(text, strlen(text));
    gpointer number = g_hash_table_lookup(names->by_text, plain);
    uint32_t name;

    if (number) {
        return GPOINTER_TO_UINT(number);
    }
    name = add(names, plain, NAME_NO_PID);
    if (name != NAME_OTHERS) {
        const char *stored = names_get(names, name)->text;

        g_hash_table_insert(names->by_text, (gpointer)stored,
                            GUINT_TO_POINTER(name));
    }
    return name;
}

uint32_t names_task(Names *names, int32_t pid, const char *comm, size_t size)
{
    g_autofree char *plain = plain_text(comm, size);

    return add(names, plain, pid);
}

void names_set_comm(Names *names, uint32_t name, const char *comm, size_t size)
{
    g_autofree char *plain = plain_text(comm, size);
    Name *entry = &g_array_index(names->names, Name, name);

    if (name != NAME_OTHERS) {
        entry->text = g_string_chunk_insert_const(names->texts, plain);
        entry->is_recorder = is_recorder(plain);
    }
}

const Name *names_get(const Names *names, uint32_t name)
{
    return &g_array_index(names->names, Name,
                          name < names->names->len ? name : NAME_OTHERS);
}
