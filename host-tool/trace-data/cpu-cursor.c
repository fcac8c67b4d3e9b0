/*
 * CpuCursor: the events of one CPU of one file, in order, on a common line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/cpu-cursor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "trace-data/page-walk.h"

/* Read at once: enough to amortise the call, little at 256 CPUs. */
#define WINDOW_BYTES (32u << 10)

struct CpuCursor {
    DatFile *dat;
    unsigned cpu;
    DatCpuData range;
    int64_t shift_ticks;

    uint8_t *window;
    size_t window_bytes;   /* its capacity: whole pages */
    uint64_t window_start; /* bytes into the CPU's data */
    size_t window_filled;
    uint64_t page_start; /* of the page in hand, bytes into the data */
    bool damage_reported;

    PageHeader header; /* of the page in hand */
    PageWalk walk;
    PageEvent ahead; /* the event after the one handed out */
    bool has_ahead;
    bool ended;
    int64_t missed_events; /* before the next event to hand out */

    ClockPosition position;
    bool plain;            /* the page in hand needs no placements */
    uint64_t placed_until; /* bytes into the data: the base in hand's end */
    GArray *samples;       /* of ClockSample; the base in hand */
    GArray *placements;    /* of ClockPlacement, likewise */
    guint next_placement;
};

static void report_damage(CpuCursor *cursor, const char *what)
{
    if (cursor->damage_reported) {
        return;
    }
    cursor->damage_reported = true;
    g_ptr_array_add(
        cursor->dat->problems,
        g_strdup_printf("%s: CPU %u: %s at byte %" G_GUINT64_FORMAT
                        " of its data; what can be read around it is shown",
                        cursor->dat->path, cursor->cpu, what,
                        cursor->page_start));
}

/* The page that starts at this byte of the CPU's data, or NULL at the end. */
static const uint8_t *page_at(CpuCursor *cursor, uint64_t start)
{
    size_t page_bytes = cursor->dat->page_bytes;
    uint64_t left;
    size_t want;

    if (start >= cursor->range.size_bytes) {
        return NULL;
    }
    left = cursor->range.size_bytes - start;
    if (start >= cursor->window_start &&
        start - cursor->window_start + MIN(page_bytes, left) <=
            cursor->window_filled) {
        return cursor->window + (start - cursor->window_start);
    }
    want = (size_t)MIN(left, cursor->window_bytes);
    cursor->window_start = start;
    cursor->window_filled = 0;
    while (cursor->window_filled < want) {
        ssize_t got =
            pread(cursor->dat->fd, cursor->window + cursor->window_filled,
                  want - cursor->window_filled,
                  (off_t)(cursor->range.offset_bytes + start +
                          cursor->window_filled));

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            report_damage(cursor, "cannot read on");
            break;
        }
        cursor->window_filled += (size_t)got;
    }
    if (cursor->window_filled == 0) {
        return NULL;
    }
    if (cursor->window_filled < page_bytes) {
        memset(cursor->window + cursor->window_filled, 0,
               page_bytes - cursor->window_filled);
    }
    return cursor->window;
}

/* A header without moving the window: what follows is only looked at. */
static bool peek_header(CpuCursor *cursor, uint64_t start, PageHeader *header)
{
    uint8_t bytes[16] = {0};
    uint64_t left;
    size_t size = sizeof(uint64_t) + cursor->dat->long_bytes;

    if (start >= cursor->range.size_bytes) {
        return false;
    }
    left = cursor->range.size_bytes - start;
    if (left < size ||
        pread(cursor->dat->fd, bytes, size,
              (off_t)(cursor->range.offset_bytes + start)) != (ssize_t)size) {
        return false;
    }
    /* Only the header is there: judge its commit against a whole page. */
    return page_header_read(header, bytes, cursor->dat->page_bytes,
                            cursor->dat->long_bytes);
}

static bool has_several_clocks(const CpuCursor *cursor)
{
    return cursor->position.track && cursor->position.track->n_segments > 1;
}

/* Appends the ticks of a page's events. */
static void collect_samples(CpuCursor *cursor, const uint8_t *page,
                            const PageHeader *header)
{
    PageWalk walk;
    PageEvent event;

    page_walk_start(&walk, header, page, cursor->dat->long_bytes);
    while (page_walk_next(&walk, &event)) {
        ClockSample sample = {.guest_ticks = event.ticks};

        /* A base's first event counts from the base's own stamp. */
        if (cursor->samples->len > 0 && event.zero_delta) {
            sample.hint = event.zero_extend ? CLOCK_STEP_ZERO_EXTEND
                                            : CLOCK_STEP_ZERO_DELTA;
        }
        g_array_append_val(cursor->samples, sample);
    }
}

static uint64_t last_sample_ticks(const CpuCursor *cursor)
{
    return g_array_index(cursor->samples, ClockSample, cursor->samples->len - 1)
        .guest_ticks;
}

/*
 * Appends the parts of the sub-buffer that were read after its first one, and
 * finds the stamp of the next.  A part goes on with the last tick of the part
 * before.
 */
static ClockNext collect_parts(CpuCursor *cursor)
{
    size_t page_bytes = cursor->dat->page_bytes;
    uint64_t start = cursor->page_start + page_bytes;
    g_autofree uint8_t *page = NULL;
    uint64_t commit_bytes = cursor->header.commit_bytes;
    PageHeader header;
    ClockNext next = {0};

    while (peek_header(cursor, start, &header)) {
        /* All parts together are no more than one sub-buffer. */
        commit_bytes += header.commit_bytes;
        if (header.ticks != last_sample_ticks(cursor) ||
            commit_bytes > page_bytes) {
            next.exists = true;
            next.guest_ticks = header.ticks;
            break;
        }
        page = page ? page : g_malloc0(page_bytes);
        if (pread(cursor->dat->fd, page, page_bytes,
                  (off_t)(cursor->range.offset_bytes + start)) < 0) {
            break;
        }
        collect_samples(cursor, page, &header);
        start += page_bytes;
    }
    cursor->placed_until = start;
    return next;
}

/* Places the sub-buffer that begins with the page in hand. */
static void place_base(CpuCursor *cursor, const uint8_t *page)
{
    const ClockSample *samples;
    ClockNext next;
    guint n;

    cursor->plain = true;
    g_array_set_size(cursor->samples, 0);
    collect_samples(cursor, page, &cursor->header);
    if (cursor->samples->len == 0) {
        return;
    }
    next = collect_parts(cursor);
    n = cursor->samples->len;
    samples = (const ClockSample *)cursor->samples->data;
    cursor->plain =
        clock_position_is_plain(&cursor->position, samples[0].guest_ticks,
                                samples[n - 1].guest_ticks, &next);
    if (!cursor->plain) {
        g_array_set_size(cursor->placements, n);
        clock_position_place(&cursor->position, samples, n, &next,
                             (ClockPlacement *)cursor->placements->data);
        cursor->next_placement = 0;
    }
}

/* Opens pages from page_start on until one has an event. */
static bool open_page(CpuCursor *cursor)
{
    const uint8_t *page;

    for (;; cursor->page_start += cursor->dat->page_bytes) {
        page = page_at(cursor, cursor->page_start);
        if (!page) {
            return false;
        }
        if (!page_header_read(&cursor->header, page, cursor->dat->page_bytes,
                              cursor->dat->long_bytes)) {
            report_damage(cursor, "a page with a damaged header");
            cursor->missed_events = PAGE_MISSED_UNKNOWN;
        } else {
            if (cursor->header.missed_events != PAGE_MISSED_NONE) {
                cursor->missed_events = cursor->header.missed_events;
            }
            if (has_several_clocks(cursor) &&
                cursor->page_start >= cursor->placed_until) {
                place_base(cursor, page);
            }
            page_walk_start(&cursor->walk, &cursor->header, page,
                            cursor->dat->long_bytes);
            if (page_walk_next(&cursor->walk, &cursor->ahead)) {
                return true;
            }
        }
    }
}

CpuCursor *cpu_cursor_new(DatFile *dat, unsigned cpu, const ClockTrack *track,
                          int64_t shift_ticks)
{
    CpuCursor *cursor = g_new0(CpuCursor, 1);

    cursor->dat = dat;
    cursor->cpu = cpu;
    cursor->range = g_array_index(dat->cpus, DatCpuData, cpu);
    cursor->shift_ticks = shift_ticks;
    cursor->position.track = track;
    cursor->plain = true;
    cursor->window_bytes = MAX(dat->page_bytes, WINDOW_BYTES);
    if (cursor->range.size_bytes > 0) {
        cursor->window = g_malloc(cursor->window_bytes);
    }
    cursor->samples = g_array_new(FALSE, FALSE, sizeof(ClockSample));
    cursor->placements = g_array_new(FALSE, FALSE, sizeof(ClockPlacement));
    cursor->has_ahead = open_page(cursor);
    cursor->ended = !cursor->has_ahead;
    return cursor;
}

void cpu_cursor_free(CpuCursor *cursor)
{
    if (!cursor) {
        return;
    }
    g_array_unref(cursor->samples);
    g_array_unref(cursor->placements);
    g_free(cursor->window);
    g_free(cursor);
}

static void place_event(CpuCursor *cursor, CpuEvent *event)
{
    ClockPlacement placement = {.host_ticks = event->ticks};

    if (cursor->position.track) {
        placement = cursor->plain
                        ? clock_position_plain(&cursor->position, event->ticks)
                        : g_array_index(cursor->placements, ClockPlacement,
                                        cursor->next_placement++);
    }
    event->line_ticks = placement.host_ticks + (uint64_t)cursor->shift_ticks;
    event->error_ticks = placement.error_ticks;
}

/* Does the data go on with a page that says events were lost before it? */
static bool loss_follows(CpuCursor *cursor)
{
    PageHeader next;

    return peek_header(cursor, cursor->page_start + cursor->dat->page_bytes,
                       &next) &&
           next.missed_events != PAGE_MISSED_NONE;
}

bool cpu_cursor_next(CpuCursor *cursor, CpuEvent *event)
{
    PageEvent current;

    if (!cursor->has_ahead) {
        if (cursor->ended) {
            return false;
        }
        if (cursor->walk.damaged) {
            cursor->missed_events = PAGE_MISSED_UNKNOWN;
        }
        cursor->page_start += cursor->dat->page_bytes;
        cursor->has_ahead = open_page(cursor);
        cursor->ended = !cursor->has_ahead;
        if (cursor->ended) {
            return false;
        }
    }
    current = cursor->ahead;
    event->ticks = current.ticks;
    event->data = current.data;
    event->size_bytes = current.size_bytes;
    event->missed_events = cursor->missed_events;
    event->loss_follows = false;
    cursor->missed_events = PAGE_MISSED_NONE;
    place_event(cursor, event);

    cursor->has_ahead = page_walk_next(&cursor->walk, &cursor->ahead);
    if (!cursor->has_ahead) {
        if (cursor->walk.damaged) {
            report_damage(cursor, "a damaged event");
        }
        event->loss_follows = cursor->walk.damaged || loss_follows(cursor);
    }
    return true;
}
