/*
 * Names: the words of an analysis - tasks, interrupts, exit details - each
 * stored once and referred to by number.
 *
 * Texts come from guests: what is no printable ASCII is replaced.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NAMES_H
#define NAMES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The name of whatever came after NAMES_MAX others. */
#define NAME_OTHERS UINT32_C(0)
#define NAMES_MAX   (UINT32_C(1) << 18)

#define NAME_NO_PID (-1)

typedef struct Name {
    const char *text;
    int32_t pid;      /* of a task, or NAME_NO_PID */
    bool is_recorder; /* a task of the recording itself */
} Name;

typedef struct Names Names;

Names *names_new(void);
void names_free(Names *names);

/* The number of a text; the same for equal texts. */
uint32_t names_text(Names *names, const char *text);
/*
 * The number of a task's name: a new one each time.  comm has up to size
 * bytes and need not end with 0; empty while it is not known.
 */
uint32_t names_task(Names *names, int32_t pid, const char *comm, size_t size);
/* Gives a task's name another text: it was not known yet, or has changed. */
void names_set_comm(Names *names, uint32_t name, const char *comm, size_t size);

/* Valid until the next call that adds one; never NULL. */
const Name *names_get(const Names *names, uint32_t name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Names, names_free)

#endif
