/*
 * ChunkIndex: where the pages of one CPU are in a compressed file.
 *
 * The data is a chain of chunks, each of which tells only how long it is:
 * finding one means following the chain, so the way is remembered.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CHUNK_INDEX_H
#define CHUNK_INDEX_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "trace-data/dat-file.h"

/* Of expanded data; trace-cmd makes chunks of 10 pages. */
#define CHUNK_MAX_BYTES (16u << 20)

typedef struct Chunk {
    uint64_t offset_bytes; /* of the packed data, in the file */
    uint32_t packed_bytes;
    uint32_t bytes;      /* when expanded */
    uint64_t first_page; /* number of the CPU's page that it begins with */
    uint64_t n_pages;    /* the last one may be cut */
} Chunk;

typedef struct ChunkIndex ChunkIndex;

/* A broken chain is a problem of the dat; it ends there. */
ChunkIndex *chunk_index_new(DatFile *dat, unsigned cpu);
void chunk_index_free(ChunkIndex *index);

/* The chunk that holds a page; false behind the end. */
bool chunk_index_find(ChunkIndex *index, uint64_t page, Chunk *chunk);

/* How many pages there are; follows the whole chain once. */
uint64_t chunk_index_page_count(ChunkIndex *index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ChunkIndex, chunk_index_free)

#endif
