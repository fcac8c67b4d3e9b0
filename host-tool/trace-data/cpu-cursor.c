/*
 * CpuCursor: the events of one CPU of one file, in order, on a common line.
 *
 * A page is decoded as a whole into entries, which are then handed out: the
 * walk through the page's records is one tight loop, and what needs the
 * page's other events (its last one, a base's placement) has them at hand.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/cpu-cursor.h"

#include "trace-data/page-source.h"
#include "trace-data/page-walk.h"

#define NO_PAGE UINT64_MAX

/* One event of the page in hand. */
typedef struct Entry {
    uint64_t ticks;
    uint32_t offset_bytes; /* of its data, in the page */
    uint32_t size_bytes;
} Entry;

struct CpuCursor {
    Entry *entries; /* of the page in hand */
    guint next;     /* to hand out */
    guint n_entries;
    guint max_entries;
    const uint8_t *page;
    bool is_direct; /* line ticks are ticks + line_add_ticks */
    uint64_t line_add_ticks;
    uint64_t error_ticks;  /* of each event, while is_direct */
    int64_t missed_events; /* before the next event to hand out */
    bool is_damaged;       /* the page in hand ends in damage */

    DatFile *dat;
    unsigned cpu;
    PageSource *source;
    int64_t shift_ticks;
    uint64_t next_page;    /* to open when this one is done */
    uint64_t damaged_page; /* the last one reported, or NO_PAGE */
    PageHeader header;     /* of the page in hand */

    ClockPosition position;
    bool is_plain;         /* the base in hand needs no placements */
    uint64_t placed_until; /* the page after the base in hand */
    GArray *samples;       /* of ClockSample; the base in hand */
    GArray *placements;    /* of ClockPlacement, likewise */
    guint next_placement;
};

/* Pages that follow each other are one damage. */
static void report_damage(CpuCursor *cursor, uint64_t page, const char *what)
{
    bool goes_on =
        cursor->damaged_page != NO_PAGE && page - cursor->damaged_page <= 1;

    cursor->damaged_page = page;
    if (!goes_on) {
        dat_file_problem(cursor->dat,
                         "CPU %u: %s at byte %" G_GUINT64_FORMAT
                         " of its data; what can be read around it is shown",
                         cursor->cpu, what, page * cursor->dat->page_bytes);
    }
}

static bool has_several_clocks(const CpuCursor *cursor)
{
    return cursor->position.track && cursor->position.track->n_segments > 1;
}

bool cpu_cursor_is_seekable(const CpuCursor *cursor)
{
    return !has_several_clocks(cursor);
}

static void add_entry(CpuCursor *cursor, const PageEvent *event)
{
    if (cursor->n_entries == cursor->max_entries) {
        cursor->max_entries = MAX(2 * cursor->max_entries, 128);
        cursor->entries = g_renew(Entry, cursor->entries, cursor->max_entries);
    }
    cursor->entries[cursor->n_entries++] = (Entry){
        .ticks = event->ticks,
        .offset_bytes = (uint32_t)(event->data - cursor->page),
        .size_bytes = event->size_bytes,
    };
}

static void decode_page(CpuCursor *cursor)
{
    PageWalk walk;
    PageEvent event;

    cursor->next = 0;
    cursor->n_entries = 0;
    page_walk_start(&walk, &cursor->header, cursor->page,
                    cursor->dat->long_bytes);
    while (page_walk_next(&walk, &event)) {
        add_entry(cursor, &event);
    }
    cursor->is_damaged = walk.damaged;
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
static ClockNext collect_parts(CpuCursor *cursor, uint64_t number)
{
    size_t page_bytes = cursor->dat->page_bytes;
    g_autofree uint8_t *page = NULL;
    uint64_t commit_bytes = cursor->header.commit_bytes;
    PageHeader header;
    ClockNext next = {0};

    for (number++; page_source_peek(cursor->source, number, &header);
         number++) {
        /* All parts together are no more than one sub-buffer. */
        commit_bytes += header.commit_bytes;
        if (header.ticks != last_sample_ticks(cursor) ||
            commit_bytes > page_bytes) {
            next.exists = true;
            next.guest_ticks = header.ticks;
            break;
        }
        page = page ? page : g_malloc(page_bytes);
        if (!page_source_copy(cursor->source, number, page)) {
            break;
        }
        collect_samples(cursor, page, &header);
    }
    cursor->placed_until = number;
    return next;
}

/* Places the sub-buffer that begins with the page in hand. */
static void place_base(CpuCursor *cursor, uint64_t number)
{
    const ClockSample *samples;
    ClockNext next;
    guint n;

    cursor->is_plain = true;
    g_array_set_size(cursor->samples, 0);
    collect_samples(cursor, cursor->page, &cursor->header);
    if (cursor->samples->len == 0) {
        return;
    }
    next = collect_parts(cursor, number);
    n = cursor->samples->len;
    samples = (const ClockSample *)cursor->samples->data;
    cursor->is_plain =
        clock_position_is_plain(&cursor->position, samples[0].guest_ticks,
                                samples[n - 1].guest_ticks, &next);
    if (!cursor->is_plain) {
        g_array_set_size(cursor->placements, n);
        clock_position_place(&cursor->position, samples, n, &next,
                             (ClockPlacement *)cursor->placements->data);
        cursor->next_placement = 0;
    }
}

/* Finds out how the entries in hand are put on the line. */
static void choose_placing(CpuCursor *cursor)
{
    const ClockTrack *track = cursor->position.track;
    const ClockSegment *segment;

    cursor->is_direct = true;
    cursor->line_add_ticks = (uint64_t)cursor->shift_ticks;
    cursor->error_ticks = 0;
    if (!track) {
        return;
    }
    segment = &track->segments[cursor->position.segment];
    cursor->is_direct = cursor->is_plain && track->n_points < 2 &&
                        !clock_map_is_scaled(&segment->map);
    cursor->line_add_ticks -= (uint64_t)segment->map.offset_ticks;
    cursor->error_ticks = segment->error_ticks;
}

/* Takes one page in hand; false when it has no event. */
static bool open_page(CpuCursor *cursor, const uint8_t *page, uint64_t number)
{
    cursor->page = page;
    cursor->n_entries = cursor->next = 0;
    if (!page_header_read(&cursor->header, page, cursor->dat->page_bytes,
                          cursor->dat->long_bytes)) {
        report_damage(cursor, number, "a page with a damaged header");
        cursor->missed_events = PAGE_MISSED_UNKNOWN;
        return false;
    }
    if (cursor->header.missed_events != PAGE_MISSED_NONE) {
        cursor->missed_events = cursor->header.missed_events;
    }
    decode_page(cursor);
    if (cursor->is_damaged) {
        report_damage(cursor, number, "a damaged event");
    }
    if (has_several_clocks(cursor) && number >= cursor->placed_until) {
        place_base(cursor, number);
    }
    choose_placing(cursor);
    return cursor->n_entries > 0;
}

/* Opens pages until one has an event. */
static bool open_next_page(CpuCursor *cursor)
{
    const uint8_t *page;

    do {
        if (cursor->is_damaged) {
            cursor->missed_events = PAGE_MISSED_UNKNOWN;
            cursor->is_damaged = false;
        }
        page = page_source_page(cursor->source, cursor->next_page);
        if (!page) {
            return false;
        }
    } while (!open_page(cursor, page, cursor->next_page++));
    return true;
}

CpuCursor *cpu_cursor_new(DatFile *dat, unsigned cpu, const ClockTrack *track,
                          int64_t shift_ticks)
{
    CpuCursor *cursor = g_new0(CpuCursor, 1);

    cursor->dat = dat;
    cursor->cpu = cpu;
    cursor->source = page_source_new(dat, cpu);
    cursor->shift_ticks = shift_ticks;
    cursor->position.track = track;
    cursor->is_plain = true;
    cursor->damaged_page = NO_PAGE;
    cursor->samples = g_array_new(FALSE, FALSE, sizeof(ClockSample));
    cursor->placements = g_array_new(FALSE, FALSE, sizeof(ClockPlacement));
    return cursor;
}

void cpu_cursor_free(CpuCursor *cursor)
{
    if (!cursor) {
        return;
    }
    g_array_unref(cursor->samples);
    g_array_unref(cursor->placements);
    page_source_free(cursor->source);
    g_free(cursor->entries);
    g_free(cursor);
}

/* Where entries[index] lies, index being that of the next one or later. */
static ClockPlacement place_entry(const CpuCursor *cursor, guint index)
{
    uint64_t ticks = cursor->entries[index].ticks;
    ClockPlacement placement = {.host_ticks = ticks};

    if (cursor->is_direct) {
        placement.host_ticks = ticks + cursor->line_add_ticks;
        placement.error_ticks = cursor->error_ticks;
        return placement;
    }
    placement =
        cursor->is_plain
            ? clock_position_plain(&cursor->position, ticks)
            : g_array_index(cursor->placements, ClockPlacement,
                            cursor->next_placement + index - cursor->next);
    placement.host_ticks += (uint64_t)cursor->shift_ticks;
    return placement;
}

static void skip_entries(CpuCursor *cursor, guint n)
{
    cursor->next += n;
    cursor->next_placement += n;
    if (n > 0) {
        cursor->missed_events = PAGE_MISSED_NONE;
    }
}

/* Does the data go on with a page that says events were lost before it? */
static bool loss_follows(CpuCursor *cursor)
{
    PageHeader next;

    return cursor->is_damaged ||
           (page_source_peek(cursor->source, cursor->next_page, &next) &&
            next.missed_events != PAGE_MISSED_NONE);
}

bool cpu_cursor_peek(CpuCursor *cursor, uint64_t *line_ticks)
{
    if (cursor->next == cursor->n_entries && !open_next_page(cursor)) {
        return false;
    }
    *line_ticks = place_entry(cursor, cursor->next).host_ticks;
    return true;
}

bool cpu_cursor_next(CpuCursor *cursor, CpuEvent *event)
{
    ClockPlacement placement;
    const Entry *entry;

    if (cursor->next == cursor->n_entries && !open_next_page(cursor)) {
        return false;
    }
    entry = &cursor->entries[cursor->next];
    placement = place_entry(cursor, cursor->next);
    event->ticks = entry->ticks;
    event->line_ticks = placement.host_ticks;
    event->error_ticks = placement.error_ticks;
    event->missed_events = cursor->missed_events;
    event->data = cursor->page + entry->offset_bytes;
    event->size_bytes = entry->size_bytes;
    skip_entries(cursor, 1);
    event->loss_follows =
        cursor->next == cursor->n_entries && loss_follows(cursor);
    return true;
}

/* Where a page begins on the line; false when it can't be read. */
static bool page_line_ticks(CpuCursor *cursor, uint64_t number, uint64_t *ticks)
{
    PageHeader header;

    if (!page_source_peek(cursor->source, number, &header)) {
        return false;
    }
    *ticks = header.ticks + (uint64_t)cursor->shift_ticks;
    if (cursor->position.track) {
        *ticks =
            clock_position_plain(&cursor->position, header.ticks).host_ticks +
            (uint64_t)cursor->shift_ticks;
    }
    return true;
}

/* The last page that begins before line_ticks, or 0. */
static uint64_t find_page(CpuCursor *cursor, uint64_t line_ticks)
{
    uint64_t low = 0, high = page_source_count(cursor->source);

    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        uint64_t readable = middle;
        uint64_t ticks;

        while (readable < high && !page_line_ticks(cursor, readable, &ticks)) {
            readable++;
        }
        if (readable < high && ticks < line_ticks) {
            low = readable;
        } else {
            high = middle;
        }
    }
    return low;
}

static void go_to_page(CpuCursor *cursor, uint64_t number)
{
    cursor->next_page = number;
    cursor->next = cursor->n_entries = 0;
    cursor->missed_events = PAGE_MISSED_NONE;
    cursor->is_damaged = false;
    cursor->placed_until = 0;
    cursor->position.segment = 0;
}

void cpu_cursor_seek(CpuCursor *cursor, uint64_t line_ticks)
{
    go_to_page(cursor, cpu_cursor_is_seekable(cursor)
                           ? find_page(cursor, line_ticks)
                           : 0);
    while (cursor->next < cursor->n_entries || open_next_page(cursor)) {
        guint n = 0, left = cursor->n_entries - cursor->next;

        while (n < left &&
               place_entry(cursor, cursor->next + n).host_ticks < line_ticks) {
            n++;
        }
        skip_entries(cursor, n);
        if (n < left) {
            return;
        }
    }
}

uint64_t cpu_cursor_page_count(CpuCursor *cursor)
{
    return page_source_count(cursor->source);
}

bool cpu_cursor_read_page(CpuCursor *cursor, uint64_t number, CpuPage *page)
{
    const uint8_t *bytes = page_source_page(cursor->source, number);

    go_to_page(cursor, number + 1);
    if (!bytes || !open_page(cursor, bytes, number)) {
        return false;
    }
    page->first_ticks = place_entry(cursor, 0).host_ticks;
    page->last_ticks = place_entry(cursor, cursor->n_entries - 1).host_ticks;
    page->n_events = cursor->n_entries;
    return true;
}
