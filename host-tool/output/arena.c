/*
 * Arena: memory for many small things that are all forgotten at once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/arena.h"

#include <stddef.h>

struct Arena {
    guint8 *block;
    gsize block_bytes;
    gsize used_bytes;
    GPtrArray *extra; /* what the block had no room for */
};

Arena *arena_new(gsize block_bytes)
{
    Arena *arena = g_new0(Arena, 1);

    arena->block = g_malloc(block_bytes);
    arena->block_bytes = block_bytes;
    arena->extra = g_ptr_array_new_with_free_func(g_free);
    return arena;
}

void arena_free(Arena *arena)
{
    if (arena) {
        g_ptr_array_unref(arena->extra);
        g_free(arena->block);
        g_free(arena);
    }
}

gpointer arena_take(Arena *arena, gsize size_bytes)
{
    const gsize align = _Alignof(max_align_t);
    gpointer memory;

    size_bytes = (size_bytes + align - 1) / align * align;
    if (size_bytes > arena->block_bytes - arena->used_bytes) {
        memory = g_malloc(size_bytes);
        g_ptr_array_add(arena->extra, memory);
        return memory;
    }
    memory = arena->block + arena->used_bytes;
    arena->used_bytes += size_bytes;
    return memory;
}

void arena_reset(Arena *arena)
{
    arena->used_bytes = 0;
    g_ptr_array_set_size(arena->extra, 0);
}
