/*
 * PageSource: the sub-buffers of one CPU of a file, by number.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/page-source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "trace-data/chunk-index.h"

/* Read at once: enough to amortise the call, little at 256 CPUs. */
#define MOST_WINDOW_BYTES  (64u << 10)
#define LEAST_WINDOW_BYTES (16u << 10)
#define ALL_WINDOWS_BYTES  (2u << 20)
/* Asked for ahead of the window, so that a disk is never waited for. */
#define READ_AHEAD_BYTES (512u << 10)

struct PageBuffer {
    gatomicrefcount n_refs;
    size_t max_bytes;
    uint8_t bytes[];
};

/* The longest header of a page. */
#define PEEK_BYTES 16

/* An expanded chunk: pages [first, first + n_pages). */
typedef struct ChunkPages {
    PageBuffer *buffer;
    uint64_t first_page;
    uint64_t n_pages; /* 0: none */
} ChunkPages;

struct PageSource {
    /*
     * Of a compressed file: the chunk in hand, and the one that was looked
     * at, which mostly is the next to be in hand.
     */
    ChunkIndex *chunks; /* NULL: not compressed */
    ChunkPages in_hand;
    ChunkPages aside;

    DatFile *dat;
    unsigned cpu;
    DatCpuData range;

    PageBuffer *window;
    size_t window_bytes;    /* its capacity: whole pages */
    uint64_t window_start;  /* bytes into the CPU's data */
    size_t window_filled;   /* bytes of it that hold data */
    uint64_t advised_until; /* bytes into the CPU's data */
    bool failure_reported;
};

PageBuffer *page_buffer_new(size_t size_bytes, uint8_t **bytes)
{
    PageBuffer *buffer = g_malloc(sizeof(*buffer) + size_bytes);

    g_atomic_ref_count_init(&buffer->n_refs);
    buffer->max_bytes = size_bytes;
    *bytes = buffer->bytes;
    return buffer;
}

size_t page_buffer_bytes(const PageBuffer *buffer)
{
    return buffer->max_bytes;
}

void page_buffer_unref(PageBuffer *buffer)
{
    if (buffer && g_atomic_ref_count_dec(&buffer->n_refs)) {
        g_free(buffer);
    }
}

/* Makes *buffer one of so many bytes at least that nobody else holds. */
static void make_writable(PageBuffer **buffer, size_t bytes)
{
    uint8_t *unused;

    if (*buffer && (*buffer)->max_bytes >= bytes &&
        g_atomic_ref_count_compare(&(*buffer)->n_refs, 1)) {
        return;
    }
    page_buffer_unref(*buffer);
    *buffer = page_buffer_new(bytes, &unused);
}

static size_t choose_window(const DatFile *dat)
{
    size_t bytes = CLAMP(ALL_WINDOWS_BYTES / MAX(dat->cpus->len, 1),
                         LEAST_WINDOW_BYTES, MOST_WINDOW_BYTES);

    return MAX(dat->page_bytes, bytes - bytes % dat->page_bytes);
}

PageSource *page_source_new(DatFile *dat, unsigned cpu)
{
    PageSource *source = g_new0(PageSource, 1);

    source->dat = dat;
    source->cpu = cpu;
    source->range = g_array_index(dat->cpus, DatCpuData, cpu);
    source->window_bytes = choose_window(dat);
    if (dat->compression) {
        source->chunks = chunk_index_new(dat, cpu);
    }
    return source;
}

void page_source_free(PageSource *source)
{
    if (source) {
        chunk_index_free(source->chunks);
        page_buffer_unref(source->in_hand.buffer);
        page_buffer_unref(source->aside.buffer);
        page_buffer_unref(source->window);
        g_free(source);
    }
}

static uint64_t plain_count(const PageSource *source)
{
    return (source->range.size_bytes + source->dat->page_bytes - 1) /
           source->dat->page_bytes;
}

/* Up to size bytes from start of the CPU's data on; fewer if there are. */
static size_t read_range(PageSource *source, uint64_t start, void *buffer,
                         size_t size)
{
    size_t done = 0;

    size = (size_t)MIN(size, source->range.size_bytes - start);
    while (done < size) {
        ssize_t got = pread(source->dat->fd, (char *)buffer + done, size - done,
                            (off_t)(source->range.offset_bytes + start + done));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            if (!source->failure_reported) {
                source->failure_reported = true;
                dat_file_problem(
                    source->dat,
                    "CPU %u: cannot read at byte %" G_GUINT64_FORMAT
                    " of its data: %s",
                    source->cpu, start + done,
                    got < 0 ? g_strerror(errno) : "the file got shorter");
            }
            break;
        }
        done += (size_t)got;
    }
    return done;
}

static void read_ahead(PageSource *source, uint64_t from)
{
    uint64_t start = MAX(from, source->advised_until);
    uint64_t end = from + READ_AHEAD_BYTES;

    if (from + READ_AHEAD_BYTES / 2 > source->advised_until) {
        posix_fadvise(source->dat->fd,
                      (off_t)(source->range.offset_bytes + start),
                      (off_t)(end - start), POSIX_FADV_WILLNEED);
        source->advised_until = end;
    }
}

static bool is_in_window(const PageSource *source, uint64_t start, size_t size)
{
    return start >= source->window_start &&
           start + size <= source->window_start + source->window_filled;
}

/*
 * With the next page's header, which is looked at for what was lost before it.
 * A page that the file ends in goes on with zeros.
 */
static void fill_window(PageSource *source, uint64_t start)
{
    size_t page_bytes = source->dat->page_bytes;
    size_t wanted = source->window_bytes + PEEK_BYTES;
    size_t filled;

    make_writable(&source->window, source->window_bytes + page_bytes);
    filled = read_range(source, start, source->window->bytes, wanted);
    if (filled % page_bytes != 0 &&
        (filled < wanted || start + filled == source->range.size_bytes)) {
        memset(source->window->bytes + filled, 0,
               page_bytes - filled % page_bytes);
    }
    source->window_start = start;
    source->window_filled = filled;
}

static const uint8_t *plain_page(PageSource *source, uint64_t number)
{
    size_t page_bytes = source->dat->page_bytes;
    uint64_t start = number * page_bytes;
    size_t size;

    if (number >= plain_count(source)) {
        return NULL;
    }
    size = (size_t)MIN(page_bytes, source->range.size_bytes - start);
    if (!is_in_window(source, start, size)) {
        fill_window(source, start);
        if (source->window_filled == 0) {
            return NULL;
        }
        read_ahead(source, start + source->window_filled);
    }
    return source->window->bytes + (start - source->window_start);
}

static bool plain_peek(PageSource *source, uint64_t number, PageHeader *header)
{
    uint8_t bytes[PEEK_BYTES] = {0};
    uint64_t start = number * source->dat->page_bytes;
    size_t size = sizeof(uint64_t) + source->dat->long_bytes;

    if (number >= plain_count(source) ||
        source->range.size_bytes - start < size) {
        return false;
    }
    if (is_in_window(source, start, size)) {
        memcpy(bytes, source->window->bytes + (start - source->window_start),
               size);
    } else if (read_range(source, start, bytes, size) < size) {
        return false;
    }
    /* Only the header is there: judge its commit against a whole page. */
    return page_header_peek(header, bytes, source->dat->page_bytes,
                            source->dat->long_bytes);
}

static bool plain_copy(PageSource *source, uint64_t number, uint8_t *page)
{
    size_t page_bytes = source->dat->page_bytes;
    size_t filled;

    if (number >= plain_count(source)) {
        return false;
    }
    filled = read_range(source, number * page_bytes, page, page_bytes);
    memset(page + filled, 0, page_bytes - filled);
    return filled > 0;
}

static bool holds(const ChunkPages *pages, uint64_t number)
{
    return number >= pages->first_page &&
           number - pages->first_page < pages->n_pages;
}

/*
 * A chunk that can't be expanded becomes pages with impossible headers, which
 * is how their reader learns, and reports, that they are lost.
 */
static bool expand(PageSource *source, const Chunk *chunk, ChunkPages *pages)
{
    Compression *compression = source->dat->compression;
    size_t whole = chunk->n_pages * source->dat->page_bytes;
    void *packed = compression_scratch(compression, chunk->packed_bytes);
    uint64_t start = chunk->offset_bytes - source->range.offset_bytes;

    make_writable(&pages->buffer, whole);
    pages->first_page = chunk->first_page;
    pages->n_pages = chunk->n_pages;
    if (read_range(source, start, packed, chunk->packed_bytes) <
        chunk->packed_bytes) {
        pages->n_pages = 0;
        return false;
    }
    if (compression_expand(compression, packed, chunk->packed_bytes,
                           pages->buffer->bytes, chunk->bytes)) {
        memset(pages->buffer->bytes + chunk->bytes, 0, whole - chunk->bytes);
    } else {
        memset(pages->buffer->bytes, 0xff, whole);
    }
    read_ahead(source, start + chunk->packed_bytes);
    return true;
}

static const uint8_t *page_in(const PageSource *source, const ChunkPages *pages,
                              uint64_t number)
{
    return pages->buffer->bytes +
           (number - pages->first_page) * source->dat->page_bytes;
}

/* A page of the chunk in hand or aside; fetches the chunk if need be. */
static const uint8_t *look_at_packed(PageSource *source, uint64_t number)
{
    Chunk chunk;

    if (holds(&source->in_hand, number)) {
        return page_in(source, &source->in_hand, number);
    }
    if (!holds(&source->aside, number) &&
        (!chunk_index_find(source->chunks, number, &chunk) ||
         !expand(source, &chunk, &source->aside))) {
        return NULL;
    }
    return page_in(source, &source->aside, number);
}

static const uint8_t *packed_page(PageSource *source, uint64_t number)
{
    const uint8_t *page = look_at_packed(source, number);

    if (page && !holds(&source->in_hand, number)) {
        ChunkPages done = source->in_hand;

        source->in_hand = source->aside;
        source->aside = done;
    }
    return page;
}

uint64_t page_source_count(PageSource *source)
{
    return source->chunks ? chunk_index_page_count(source->chunks)
                          : plain_count(source);
}

const uint8_t *page_source_page(PageSource *source, uint64_t number)
{
    return source->chunks ? packed_page(source, number)
                          : plain_page(source, number);
}

PageBuffer *page_source_hold(PageSource *source)
{
    PageBuffer *buffer =
        source->chunks ? source->in_hand.buffer : source->window;

    if (buffer) {
        g_atomic_ref_count_inc(&buffer->n_refs);
    }
    return buffer;
}

const uint8_t *page_source_held(PageSource *source, uint64_t number)
{
    size_t page_bytes = source->dat->page_bytes;

    if (source->chunks) {
        return holds(&source->in_hand, number)
                   ? page_in(source, &source->in_hand, number)
                   : NULL;
    }
    return number < plain_count(source) &&
                   is_in_window(source, number * page_bytes, page_bytes)
               ? source->window->bytes +
                     (number * page_bytes - source->window_start)
               : NULL;
}

bool page_source_peek(PageSource *source, uint64_t number, PageHeader *header)
{
    const uint8_t *page;

    if (!source->chunks) {
        return plain_peek(source, number, header);
    }
    page = look_at_packed(source, number);
    return page && page_header_read(header, page, source->dat->page_bytes,
                                    source->dat->long_bytes);
}

bool page_source_copy(PageSource *source, uint64_t number, uint8_t *page)
{
    const uint8_t *found;

    if (!source->chunks) {
        return plain_copy(source, number, page);
    }
    found = look_at_packed(source, number);
    if (found) {
        memcpy(page, found, source->dat->page_bytes);
    }
    return found != NULL;
}
