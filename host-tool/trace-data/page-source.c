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

/* Read at once: enough to amortise the call, little at 256 CPUs. */
#define WINDOW_BYTES (32u << 10)
/* Asked for ahead of the window, so that a disk is never waited for. */
#define READ_AHEAD_BYTES (512u << 10)

struct PageSource {
    DatFile *dat;
    unsigned cpu;
    DatCpuData range;

    uint8_t *window;
    size_t window_bytes;    /* its capacity: whole pages */
    uint64_t window_start;  /* bytes into the CPU's data */
    size_t window_filled;   /* bytes of it that hold data */
    uint64_t advised_until; /* bytes into the CPU's data */
    bool failure_reported;
};

PageSource *page_source_new(DatFile *dat, unsigned cpu)
{
    PageSource *source = g_new0(PageSource, 1);

    source->dat = dat;
    source->cpu = cpu;
    source->range = g_array_index(dat->cpus, DatCpuData, cpu);
    source->window_bytes = MAX(dat->page_bytes, WINDOW_BYTES);
    return source;
}

void page_source_free(PageSource *source)
{
    if (source) {
        g_free(source->window);
        g_free(source);
    }
}

uint64_t page_source_count(PageSource *source)
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
    if (from + READ_AHEAD_BYTES / 2 > source->advised_until) {
        posix_fadvise(source->dat->fd,
                      (off_t)(source->range.offset_bytes + from),
                      READ_AHEAD_BYTES, POSIX_FADV_WILLNEED);
        source->advised_until = from + READ_AHEAD_BYTES;
    }
}

static bool is_in_window(const PageSource *source, uint64_t start, size_t size)
{
    return start >= source->window_start &&
           start + size <= source->window_start + source->window_filled;
}

const uint8_t *page_source_page(PageSource *source, uint64_t number)
{
    size_t page_bytes = source->dat->page_bytes;
    uint64_t start = number * page_bytes;
    size_t size;

    if (number >= page_source_count(source)) {
        return NULL;
    }
    size = (size_t)MIN(page_bytes, source->range.size_bytes - start);
    if (!is_in_window(source, start, size)) {
        if (!source->window) {
            source->window = g_malloc(source->window_bytes);
        }
        source->window_start = start;
        source->window_filled =
            read_range(source, start, source->window, source->window_bytes);
        if (source->window_filled == 0) {
            return NULL;
        }
        if (source->window_filled % page_bytes != 0) {
            memset(source->window + source->window_filled, 0,
                   page_bytes - source->window_filled % page_bytes);
        }
        read_ahead(source, start + source->window_filled);
    }
    return source->window + (start - source->window_start);
}

bool page_source_peek(PageSource *source, uint64_t number, PageHeader *header)
{
    uint8_t bytes[16] = {0};
    uint64_t start = number * source->dat->page_bytes;
    size_t size = sizeof(uint64_t) + source->dat->long_bytes;

    if (number >= page_source_count(source) ||
        source->range.size_bytes - start < size) {
        return false;
    }
    if (is_in_window(source, start, size)) {
        memcpy(bytes, source->window + (start - source->window_start), size);
    } else if (read_range(source, start, bytes, size) < size) {
        return false;
    }
    /* Only the header is there: judge its commit against a whole page. */
    return page_header_peek(header, bytes, source->dat->page_bytes,
                            source->dat->long_bytes);
}

bool page_source_copy(PageSource *source, uint64_t number, uint8_t *page)
{
    size_t page_bytes = source->dat->page_bytes;
    size_t filled;

    if (number >= page_source_count(source)) {
        return false;
    }
    filled = read_range(source, number * page_bytes, page, page_bytes);
    memset(page + filled, 0, page_bytes - filled);
    return filled > 0;
}
