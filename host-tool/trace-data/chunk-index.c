/*
 * ChunkIndex: where the pages of one CPU are in a compressed file.
 *
 * u32 count, then for each chunk u32 packed size, u32 size, data:
 * trace-cmd.dat.v7(5), "COMPRESSION FORMAT OF THE TRACE DATA".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/chunk-index.h"

#include <unistd.h>

#define CHUNK_HEADER_BYTES 8

/* One mark for so many chunks keeps the index small whatever the file. */
#define CHUNKS_PER_MARK 16

struct ChunkIndex {
    DatFile *dat;
    unsigned cpu;
    DatCpuData range;
    uint32_t n_chunks;   /* as the data says */
    GArray *marks;       /* of Chunk: every CHUNKS_PER_MARK-th */
    uint32_t next;       /* number of the chunk behind `last` */
    Chunk last;          /* found; all zero before the first */
    bool is_complete;    /* the end of the chain was seen */
    uint64_t page_count; /* if so */
};

ChunkIndex *chunk_index_new(DatFile *dat, unsigned cpu)
{
    ChunkIndex *index = g_new0(ChunkIndex, 1);
    uint32_t n_chunks = 0;

    index->dat = dat;
    index->cpu = cpu;
    index->range = g_array_index(dat->cpus, DatCpuData, cpu);
    index->marks = g_array_new(FALSE, FALSE, sizeof(Chunk));
    if (index->range.size_bytes >= sizeof(n_chunks) &&
        pread(dat->fd, &n_chunks, sizeof(n_chunks),
              (off_t)index->range.offset_bytes) == sizeof(n_chunks)) {
        index->n_chunks = n_chunks;
    }
    index->last.offset_bytes = index->range.offset_bytes + sizeof(n_chunks);
    return index;
}

void chunk_index_free(ChunkIndex *index)
{
    if (index) {
        g_array_unref(index->marks);
        g_free(index);
    }
}

static void end_chain(ChunkIndex *index)
{
    if (!index->is_complete) {
        index->is_complete = true;
        index->page_count = index->last.first_page + index->last.n_pages;
    }
}

static bool break_chain(ChunkIndex *index, uint64_t offset, const char *what)
{
    if (!index->is_complete) {
        dat_file_problem(index->dat,
                         "CPU %u: %s at byte %" G_GUINT64_FORMAT
                         " of the file, %u of %u compressed chunks can't be "
                         "read",
                         index->cpu, what, offset,
                         index->n_chunks - index->next, index->n_chunks);
    }
    end_chain(index);
    return false;
}

/* Reads the header of the chunk behind `last`. */
static bool read_next(ChunkIndex *index, Chunk *chunk)
{
    uint64_t end = index->range.offset_bytes + index->range.size_bytes;
    uint64_t offset = index->last.offset_bytes + index->last.packed_bytes;
    uint32_t sizes[2]; /* packed, expanded */
    uint32_t page_bytes = index->dat->page_bytes;

    if (index->next == index->n_chunks) {
        end_chain(index);
        return false;
    }
    if (end - offset < CHUNK_HEADER_BYTES ||
        pread(index->dat->fd, sizes, sizeof(sizes), (off_t)offset) !=
            sizeof(sizes)) {
        return break_chain(index, offset, "the data ends");
    }
    offset += CHUNK_HEADER_BYTES;
    if (sizes[0] > end - offset) {
        return break_chain(index, offset, "the data ends");
    }
    if (sizes[0] == 0 || sizes[1] == 0 || sizes[1] > CHUNK_MAX_BYTES) {
        return break_chain(index, offset, "a damaged chunk");
    }
    chunk->offset_bytes = offset;
    chunk->packed_bytes = sizes[0];
    chunk->bytes = sizes[1];
    chunk->first_page = index->last.first_page + index->last.n_pages;
    chunk->n_pages = (sizes[1] + page_bytes - 1) / page_bytes;
    return true;
}

static bool go_on(ChunkIndex *index)
{
    Chunk chunk;

    if (!read_next(index, &chunk)) {
        return false;
    }
    if (index->next % CHUNKS_PER_MARK == 0 &&
        index->next / CHUNKS_PER_MARK == index->marks->len) {
        g_array_append_val(index->marks, chunk);
    }
    index->last = chunk;
    index->next++;
    return true;
}

/* Starts from the last mark that does not lie behind the page. */
static void go_to_mark(ChunkIndex *index, uint64_t page)
{
    guint low = 0, high = index->marks->len;

    while (high - low > 1) {
        guint middle = (low + high) / 2;

        if (g_array_index(index->marks, Chunk, middle).first_page <= page) {
            low = middle;
        } else {
            high = middle;
        }
    }
    index->last = g_array_index(index->marks, Chunk, low);
    index->next = low * CHUNKS_PER_MARK + 1;
}

static bool holds(const Chunk *chunk, uint64_t page)
{
    return page >= chunk->first_page &&
           page - chunk->first_page < chunk->n_pages;
}

/* Is it the chunk in hand or one soon after? */
static bool is_near(const Chunk *chunk, uint64_t page)
{
    return page >= chunk->first_page &&
           page - chunk->first_page < chunk->n_pages * CHUNKS_PER_MARK;
}

bool chunk_index_find(ChunkIndex *index, uint64_t page, Chunk *chunk)
{
    if (index->is_complete && page >= index->page_count) {
        return false;
    }
    if (index->marks->len > 0 && !is_near(&index->last, page)) {
        go_to_mark(index, page);
    }
    while (!holds(&index->last, page)) {
        if (!go_on(index)) {
            return false;
        }
    }
    *chunk = index->last;
    return true;
}

uint64_t chunk_index_page_count(ChunkIndex *index)
{
    Chunk last;

    if (!index->is_complete) {
        chunk_index_find(index, UINT64_MAX, &last);
    }
    return index->page_count;
}
