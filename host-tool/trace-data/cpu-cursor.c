/*
 * CpuCursor: the events of one CPU of one file, in order, on a common line.
 *
 * Most records are plain ones, and reading a trace costs what reading those
 * does: one tight loop, from the page to where its user wants the events.  All
 * else, and what needs to know what comes next, goes one by one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/cpu-cursor.h"

#include "trace-data/page-source.h"
#include "trace-data/page-walk.h"

#define NO_PAGE UINT64_MAX

/* So many at once are passed by when a place is looked for. */
#define SKIP_EVENTS 64

struct CpuCursor {
    CpuStretch stretch;    /* the first member: see cpu_cursor_stretch() */
    bool is_direct;        /* line ticks are the page's plus a constant */
    int64_t missed_events; /* before the page's next event */
    bool is_damaged;       /* the page ends in damage */
    bool has_head;         /* the next event was taken out of the page */
    CpuEvent head;

    DatFile *dat;
    unsigned cpu;
    PageSource *source;
    PageBuffer *pages; /* what the page in hand stands in; NULL: none */
    GPtrArray **left;  /* see cpu_cursor_keep(); may be NULL */
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
static void place_base(CpuCursor *cursor, const uint8_t *page, uint64_t number)
{
    const ClockSample *samples;
    ClockNext next;
    guint n;

    cursor->is_plain = true;
    g_array_set_size(cursor->samples, 0);
    collect_samples(cursor, page, &cursor->header);
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

/* Are line ticks the page's own plus a constant?  It is *line_add_ticks. */
static bool is_direct(const CpuCursor *cursor, uint64_t *line_add_ticks)
{
    const ClockTrack *track = cursor->position.track;
    const ClockSegment *segment;

    *line_add_ticks = (uint64_t)cursor->shift_ticks;
    if (!track) {
        return true;
    }
    segment = &track->segments[cursor->position.segment];
    if (!cursor->is_plain || track->n_points >= 2 ||
        clock_map_is_scaled(&segment->map)) {
        return false;
    }
    *line_add_ticks -= (uint64_t)segment->map.offset_ticks;
    return true;
}

/* May the next event be plain? */
static void set_open(CpuCursor *cursor)
{
    cursor->stretch.is_open = cursor->is_direct && !cursor->has_head &&
                              cursor->missed_events == PAGE_MISSED_NONE;
}

/* Opens next_page, which stands at page. */
static void open_page(CpuCursor *cursor, const uint8_t *page)
{
    const ClockTrack *track = cursor->position.track;
    uint64_t number = cursor->next_page++;

    if (cursor->is_damaged) {
        cursor->missed_events = PAGE_MISSED_UNKNOWN;
        cursor->is_damaged = false;
    }
    cursor->stretch = (CpuStretch){0};
    if (!page_header_read(&cursor->header, page, cursor->dat->page_bytes,
                          cursor->dat->long_bytes)) {
        report_damage(cursor, number, "a page with a damaged header");
        cursor->missed_events = PAGE_MISSED_UNKNOWN;
        return;
    }
    if (cursor->header.missed_events != PAGE_MISSED_NONE) {
        cursor->missed_events = cursor->header.missed_events;
    }
    if (has_several_clocks(cursor) && number >= cursor->placed_until) {
        place_base(cursor, page, number);
    }
    cursor->is_direct = is_direct(cursor, &cursor->stretch.line_add_ticks);
    cursor->stretch.error_ticks =
        track ? track->segments[cursor->position.segment].error_ticks : 0;
    page_walk_start(&cursor->stretch.walk, &cursor->header, page,
                    cursor->dat->long_bytes);
    set_open(cursor);
}

/* The next page, where it is in memory beside the one in hand. */
static bool open_held_page(CpuCursor *cursor)
{
    const uint8_t *page =
        cursor->pages ? page_source_held(cursor->source, cursor->next_page)
                      : NULL;

    if (page) {
        open_page(cursor, page);
    }
    return page != NULL;
}

static void leave_pages(CpuCursor *cursor)
{
    if (cursor->pages && cursor->left && *cursor->left) {
        g_ptr_array_add(*cursor->left, g_steal_pointer(&cursor->pages));
        *cursor->left = NULL;
    }
    g_clear_pointer(&cursor->pages, page_buffer_unref);
}

/* The next page, wherever it is.  False behind the last one. */
static bool open_next_page(CpuCursor *cursor)
{
    const uint8_t *page;

    /* First, as a buffer that nobody else holds is used again. */
    leave_pages(cursor);
    page = page_source_page(cursor->source, cursor->next_page);
    if (page) {
        cursor->pages = page_source_hold(cursor->source);
        open_page(cursor, page);
    }
    return page != NULL;
}

static ClockPlacement place(CpuCursor *cursor, uint64_t ticks)
{
    /* The file may have changed since the base was placed. */
    return cursor->is_plain || cursor->next_placement >= cursor->placements->len
               ? clock_position_plain(&cursor->position, ticks)
               : g_array_index(cursor->placements, ClockPlacement,
                               cursor->next_placement++);
}

/* Does the data go on with a page that says events were lost before it? */
static bool next_page_misses(CpuCursor *cursor)
{
    PageHeader next;

    return page_source_peek(cursor->source, cursor->next_page, &next) &&
           next.missed_events != PAGE_MISSED_NONE;
}

/* Were events lost between this one, the last that was taken, and the next? */
static bool loss_follows(CpuCursor *cursor)
{
    PageWalk rest = cursor->stretch.walk;
    PageEvent event;

    return !page_walk_next(&rest, &event) &&
           (rest.damaged || next_page_misses(cursor));
}

/* Takes any event out of the page in hand. */
static bool take_event(CpuCursor *cursor, CpuEvent *event)
{
    PageEvent found;

    if (!page_walk_next(&cursor->stretch.walk, &found)) {
        if (cursor->stretch.walk.damaged && !cursor->is_damaged) {
            cursor->is_damaged = true;
            report_damage(cursor, cursor->next_page - 1, "a damaged event");
        }
        return false;
    }
    *event = (CpuEvent){
        .ticks = found.ticks,
        .line_ticks = found.ticks + cursor->stretch.line_add_ticks,
        .error_ticks = cursor->stretch.error_ticks,
        .missed_events = cursor->missed_events,
        .data = found.data,
        .size_bytes = found.size_bytes,
        .loss_follows = loss_follows(cursor),
    };
    cursor->missed_events = PAGE_MISSED_NONE;
    if (!cursor->is_direct) {
        ClockPlacement placement = place(cursor, found.ticks);

        event->line_ticks =
            placement.host_ticks + (uint64_t)cursor->shift_ticks;
        event->error_ticks = placement.error_ticks;
    }
    return true;
}

/* Takes the next event of the pages that are in memory out of them. */
static bool find_head(CpuCursor *cursor)
{
    while (!cursor->has_head) {
        cursor->has_head = take_event(cursor, &cursor->head);
        if (!cursor->has_head && !open_held_page(cursor)) {
            return false;
        }
    }
    cursor->stretch.is_open = cursor->stretch.is_known = false;
    return true;
}

static CpuEvent take_head(CpuCursor *cursor)
{
    cursor->has_head = false;
    set_open(cursor);
    return cursor->head;
}

static size_t read_plain(CpuCursor *cursor, uint64_t last_line_ticks,
                         CpuEvent *event, size_t stride_bytes,
                         size_t max_events)
{
    size_t n = 0;
    PlainWalk walk;

    if (!plain_walk_begin(&walk, &cursor->stretch)) {
        return 0;
    }
    while (n < max_events && plain_walk_next(&walk, last_line_ticks, event)) {
        event = (CpuEvent *)((char *)event + stride_bytes);
        n++;
    }
    plain_walk_end(&walk, &cursor->stretch);
    return n;
}

size_t cpu_cursor_read(CpuCursor *cursor, uint64_t last_line_ticks,
                       CpuEvent *events, size_t stride_bytes, size_t max_events)
{
    char *to = (char *)events;
    size_t n = 0;

    while (n < max_events) {
        n += read_plain(cursor, last_line_ticks,
                        (CpuEvent *)(to + n * stride_bytes), stride_bytes,
                        max_events - n);
        if (n == max_events ||
            (cursor->stretch.is_known &&
             cursor->stretch.next_ticks > last_line_ticks) ||
            !find_head(cursor) || cursor->head.line_ticks > last_line_ticks) {
            break;
        }
        *(CpuEvent *)(to + n++ * stride_bytes) = take_head(cursor);
    }
    return n;
}

bool cpu_cursor_look(CpuCursor *cursor, uint64_t *line_ticks)
{
    *line_ticks = find_head(cursor) ? cursor->head.line_ticks : 0;
    return cursor->has_head;
}

bool cpu_cursor_advance(CpuCursor *cursor)
{
    uint64_t line_ticks;

    while (!cpu_cursor_peek(cursor, &line_ticks)) {
        if (!open_next_page(cursor)) {
            return false;
        }
    }
    return true;
}

bool cpu_cursor_next(CpuCursor *cursor, CpuEvent *event)
{
    return cpu_cursor_advance(cursor) &&
           cpu_cursor_read(cursor, UINT64_MAX, event, sizeof(*event), 1) == 1;
}

void cpu_cursor_keep(CpuCursor *cursor, GPtrArray **left)
{
    cursor->left = left;
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
    page_buffer_unref(cursor->pages);
    page_source_free(cursor->source);
    g_free(cursor);
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
    cursor->has_head = false;
    cursor->stretch = (CpuStretch){0};
    g_clear_pointer(&cursor->pages, page_buffer_unref);
    cursor->missed_events = PAGE_MISSED_NONE;
    cursor->is_damaged = false;
    cursor->is_plain = true;
    cursor->placed_until = 0;
    cursor->position.segment = 0;
}

void cpu_cursor_seek(CpuCursor *cursor, uint64_t line_ticks)
{
    CpuEvent skipped[SKIP_EVENTS];

    go_to_page(cursor, cpu_cursor_is_seekable(cursor)
                           ? find_page(cursor, line_ticks)
                           : 0);
    while (line_ticks > 0 && cpu_cursor_advance(cursor) &&
           cpu_cursor_read(cursor, line_ticks - 1, skipped, sizeof(*skipped),
                           SKIP_EVENTS) > 0) {
    }
}

uint64_t cpu_cursor_page_count(CpuCursor *cursor)
{
    return page_source_count(cursor->source);
}

bool cpu_cursor_read_page(CpuCursor *cursor, uint64_t number, CpuPage *page)
{
    CpuEvent event;

    *page = (CpuPage){0};
    go_to_page(cursor, number);
    if (!open_next_page(cursor)) {
        return false;
    }
    while (take_event(cursor, &event)) {
        if (page->n_events == 0) {
            page->first_ticks = event.line_ticks;
        }
        page->last_ticks = event.line_ticks;
        page->n_events++;
    }
    return page->n_events > 0;
}
