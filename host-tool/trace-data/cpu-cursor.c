/*
 * CpuCursor: the events of one CPU of one file, in order, on a common line.
 *
 * Pages are decoded as a whole into entries, which are then handed out: the
 * walk through a page's records is one tight loop, and what needs the page's
 * other events (its last one, a base's placement) has them at hand.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/cpu-cursor.h"

#include "trace-data/page-source.h"
#include "trace-data/page-walk.h"

#define NO_PAGE UINT64_MAX

struct CpuCursor {
    CpuBatch batch;        /* what is left of the page in hand */
    int64_t missed_events; /* before the next page's first event */
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

/* A record and its header have two words at least. */
static void make_room(CpuBatch *batch, const PageHeader *header)
{
    guint most =
        batch->n_entries + header->commit_bytes / (2 * PAGE_WORD_BYTES) + 1;

    if (most > batch->max_entries) {
        batch->max_entries = most + most / 4;
        batch->entries = g_renew(CpuEntry, batch->entries, batch->max_entries);
    }
}

/*
 * Decodes records up to one that is not a plain event of up to 28 words: most
 * are, and this loop is what reading a trace costs.
 */
static CpuEntry *decode_plain(PageWalk *walk, CpuEntry *entry,
                              const uint8_t *first, uint64_t line_add_ticks)
{
    const uint8_t *next = walk->next;
    const uint8_t *end = walk->end;
    uint64_t line_ticks = walk->ticks + line_add_ticks;

    while (end - next >= PAGE_WORD_BYTES) {
        uint32_t header = page_load_u32(next);
        uint32_t type = header & ((1u << PAGE_TYPE_BITS) - 1);
        uint32_t size = type * PAGE_WORD_BYTES;

        if (type - 1 >= PAGE_TYPE_DATA_MAX ||
            size > (size_t)(end - next) - PAGE_WORD_BYTES) {
            break;
        }
        next += PAGE_WORD_BYTES;
        line_ticks += header >> PAGE_TYPE_BITS;
        *entry++ = (CpuEntry){
            .line_ticks = line_ticks,
            .offset_bytes = (uint32_t)(next - first),
            .size_bytes = size,
        };
        next += size;
    }
    walk->next = next;
    walk->ticks = line_ticks - line_add_ticks;
    return entry;
}

/*
 * Adds a page's events to the batch, where they stand at offsets from first.
 * line_add_ticks makes line ticks of the page's own.  False when it is
 * damaged.
 */
static bool decode_page(CpuBatch *batch, const DatFile *dat,
                        const uint8_t *first, const uint8_t *page,
                        const PageHeader *header, uint64_t line_add_ticks)
{
    CpuEntry *entry;
    PageWalk walk;
    PageEvent event;

    make_room(batch, header);
    page_walk_start(&walk, header, page, dat->long_bytes);
    entry = decode_plain(&walk, batch->entries + batch->n_entries, first,
                         line_add_ticks);
    while (page_walk_next(&walk, &event)) {
        *entry++ = (CpuEntry){
            .line_ticks = event.ticks + line_add_ticks,
            .offset_bytes = (uint32_t)(event.data - first),
            .size_bytes = event.size_bytes,
        };
        entry = decode_plain(&walk, entry, first, line_add_ticks);
    }
    batch->n_entries = (guint)(entry - batch->entries);
    return !walk.damaged;
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
        *line_add_ticks = 0;
        return false;
    }
    *line_add_ticks -= (uint64_t)segment->map.offset_ticks;
    return true;
}

/* Makes *array one of n_values. */
static uint64_t *size_array(GArray **array, guint n_values)
{
    if (!*array) {
        *array = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    }
    g_array_set_size(*array, n_values);
    return (uint64_t *)(*array)->data;
}

/* Places each entry by itself; they hold the page's own ticks so far. */
static void place_entries(CpuCursor *cursor)
{
    CpuBatch *batch = &cursor->batch;
    uint64_t *ticks = size_array(&batch->tick_array, batch->n_entries);
    uint64_t *errors = size_array(&batch->error_array, batch->n_entries);

    for (guint i = 0; i < batch->n_entries; i++) {
        CpuEntry *entry = &batch->entries[i];
        ClockPlacement placement =
            cursor->is_plain
                ? clock_position_plain(&cursor->position, entry->line_ticks)
                : g_array_index(cursor->placements, ClockPlacement,
                                cursor->next_placement++);

        ticks[i] = entry->line_ticks;
        errors[i] = placement.error_ticks;
        entry->line_ticks =
            placement.host_ticks + (uint64_t)cursor->shift_ticks;
    }
    batch->ticks = ticks + batch->n_entries;
    batch->errors = errors + batch->n_entries;
}

/* Does the data go on with a page that says events were lost before it? */
static bool loss_follows(CpuCursor *cursor)
{
    PageHeader next;

    return cursor->is_damaged ||
           (page_source_peek(cursor->source, cursor->next_page, &next) &&
            next.missed_events != PAGE_MISSED_NONE);
}

/* What is to be told of the entries of the page in hand. */
static void describe_batch(CpuCursor *cursor)
{
    const ClockTrack *track = cursor->position.track;
    CpuBatch *batch = &cursor->batch;

    batch->next = batch->entries;
    batch->end = batch->entries + batch->n_entries;
    batch->error_ticks =
        track ? track->segments[cursor->position.segment].error_ticks : 0;
    batch->missed_events = cursor->missed_events;
    if (batch->n_entries > 0) {
        cursor->missed_events = PAGE_MISSED_NONE;
        batch->loss_follows = loss_follows(cursor);
    }
}

/* Takes one page in hand, next_page being the one behind it. */
static void open_page(CpuCursor *cursor, const uint8_t *page, uint64_t number)
{
    CpuBatch *batch = &cursor->batch;
    bool direct;

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
    batch->page = page;
    batch->ticks = batch->errors = NULL;
    batch->n_entries = 0;
    direct = is_direct(cursor, &batch->line_add_ticks);
    cursor->is_damaged = !decode_page(batch, cursor->dat, page, page,
                                      &cursor->header, batch->line_add_ticks);
    if (!direct) {
        place_entries(cursor);
    }
    if (cursor->is_damaged) {
        report_damage(cursor, number, "a damaged event");
    }
    describe_batch(cursor);
}

/*
 * Adds the pages that are in memory right behind the one in hand, as far as
 * nothing but their events is to be told of them.
 */
static void add_pages(CpuCursor *cursor)
{
    CpuBatch *batch = &cursor->batch;
    guint n_first = batch->n_entries;

    while (!cursor->is_damaged && !batch->ticks) {
        const uint8_t *page =
            page_source_held(cursor->source, cursor->next_page);
        guint n_before = batch->n_entries;
        PageHeader header;

        if (!page ||
            !page_header_read(&header, page, cursor->dat->page_bytes,
                              cursor->dat->long_bytes) ||
            header.missed_events != PAGE_MISSED_NONE) {
            break;
        }
        if (!decode_page(batch, cursor->dat, batch->page, page, &header,
                         batch->line_add_ticks)) {
            batch->n_entries = n_before; /* to be opened by itself */
            break;
        }
        cursor->next_page++;
    }
    batch->next = batch->entries;
    batch->end = batch->entries + batch->n_entries;
    if (batch->n_entries > n_first) {
        batch->loss_follows = loss_follows(cursor);
    }
}

/* A page, which the batch in hand holds from now on; NULL behind the last. */
static const uint8_t *hold_page(CpuCursor *cursor, uint64_t number)
{
    const uint8_t *page;

    /* First, as a buffer that nobody else holds is used again. */
    g_clear_pointer(&cursor->batch.pages, page_buffer_unref);
    page = page_source_page(cursor->source, number);
    if (page) {
        cursor->batch.pages = page_source_hold(cursor->source);
    }
    return page;
}

/* Opens pages until one has an event. */
static bool open_next_page(CpuCursor *cursor)
{
    do {
        const uint8_t *page = hold_page(cursor, cursor->next_page);

        if (!page) {
            return false;
        }
        if (cursor->is_damaged) {
            cursor->missed_events = PAGE_MISSED_UNKNOWN;
            cursor->is_damaged = false;
        }
        cursor->next_page++;
        open_page(cursor, page, cursor->next_page - 1);
    } while (cursor->batch.next == cursor->batch.end);
    if (!has_several_clocks(cursor)) {
        add_pages(cursor);
    }
    return true;
}

void cpu_batch_clear(CpuBatch *batch)
{
    page_buffer_unref(batch->pages);
    g_free(batch->entries);
    g_clear_pointer(&batch->tick_array, g_array_unref);
    g_clear_pointer(&batch->error_array, g_array_unref);
    *batch = (CpuBatch){0};
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
    cpu_batch_clear(&cursor->batch);
    page_source_free(cursor->source);
    g_free(cursor);
}

static void swap_batches(CpuBatch *a, CpuBatch *b)
{
    CpuBatch one = *a;

    *a = *b;
    *b = one;
}

bool cpu_cursor_next_batch(CpuCursor *cursor, CpuBatch *batch)
{
    bool exists = true;

    batch->next = batch->end = NULL;
    swap_batches(&cursor->batch, batch);
    if (batch->next == batch->end) {
        /* The next pages are decoded into the caller's memory. */
        exists = open_next_page(cursor);
        swap_batches(&cursor->batch, batch);
    }
    return exists;
}

bool cpu_cursor_next(CpuCursor *cursor, CpuEvent *event)
{
    if (cursor->batch.next == cursor->batch.end && !open_next_page(cursor)) {
        return false;
    }
    cpu_batch_take(&cursor->batch, event);
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
    cursor->batch.next = cursor->batch.end = NULL;
    cursor->missed_events = PAGE_MISSED_NONE;
    cursor->is_damaged = false;
    cursor->is_plain = true;
    cursor->placed_until = 0;
    cursor->position.segment = 0;
}

void cpu_cursor_seek(CpuCursor *cursor, uint64_t line_ticks)
{
    CpuBatch *batch = &cursor->batch;

    go_to_page(cursor, cpu_cursor_is_seekable(cursor)
                           ? find_page(cursor, line_ticks)
                           : 0);
    while (open_next_page(cursor)) {
        const CpuEntry *first = batch->next;

        while (batch->next < batch->end &&
               batch->next->line_ticks < line_ticks) {
            batch->next++;
        }
        if (batch->next > first) {
            batch->missed_events = PAGE_MISSED_NONE;
        }
        if (batch->next < batch->end) {
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
    const uint8_t *bytes = hold_page(cursor, number);
    const CpuBatch *batch = &cursor->batch;

    go_to_page(cursor, number + 1);
    if (bytes) {
        open_page(cursor, bytes, number);
    }
    if (batch->next == batch->end) {
        return false;
    }
    page->first_ticks = batch->next->line_ticks;
    page->last_ticks = batch->end[-1].line_ticks;
    page->n_events = (uint64_t)(batch->end - batch->next);
    return true;
}
