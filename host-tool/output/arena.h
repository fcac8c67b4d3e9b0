/*
 * Arena: memory for many small things that are all forgotten at once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef ARENA_H
#define ARENA_H

#include <glib.h>

typedef struct Arena Arena;

/* block_bytes: how much is kept from one use to the next. */
Arena *arena_new(gsize block_bytes);
void arena_free(Arena *arena);

/* Uninitialised and aligned for any type; valid until arena_reset(). */
gpointer arena_take(Arena *arena, gsize size_bytes);
void arena_reset(Arena *arena);

#endif
