/*
 * PageWalk: the events of one ring-buffer sub-buffer.
 *
 * Layout and meaning are those of kernel/trace/ring_buffer.c (struct
 * buffer_data_page, struct ring_buffer_event in include/linux/ring_buffer.h),
 * little-endian.  The bytes may be anything: nothing outside the page is read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PAGE_WALK_H
#define PAGE_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PAGE_MISSED_NONE    INT64_C(0)
#define PAGE_MISSED_UNKNOWN INT64_C(-1)

typedef struct PageWalk {
    const uint8_t *next; /* the next record's header */
    const uint8_t *end;  /* of the committed bytes */
    uint64_t ticks;      /* time reached so far */
    bool damaged;        /* a record did not fit into the page */
} PageWalk;

typedef struct PageEvent {
    uint64_t ticks;      /* as the ring buffer's reader computes them */
    bool zero_delta;     /* stored with a time delta of 0 */
    bool zero_extend;    /* likewise, by a time extend */
    const uint8_t *data; /* inside the page */
    uint32_t size_bytes;
} PageEvent;

/* What a sub-buffer's header says. */
typedef struct PageHeader {
    uint64_t ticks;        /* of its first event, or where a read went on */
    uint32_t commit_bytes; /* of records after the header */
    int64_t missed_events; /* lost before this page: NONE, UNKNOWN or count */
} PageHeader;

/*
 * page holds page_bytes bytes; long_bytes is the traced kernel's sizeof(long).
 * False when the page can't be one: smaller than its header or with more
 * committed bytes than room.
 */
bool page_header_read(PageHeader *header, const uint8_t *page,
                      size_t page_bytes, unsigned long_bytes);

/*
 * The same from the header's bytes alone: a count of missed events, which
 * stands behind the records, is UNKNOWN.
 */
bool page_header_peek(PageHeader *header, const uint8_t *bytes,
                      size_t page_bytes, unsigned long_bytes);

/* page must stay while the walk and the data pointers are used. */
void page_walk_start(PageWalk *walk, const PageHeader *header,
                     const uint8_t *page, unsigned long_bytes);

/*
 * What is below is in the header for speed: it runs once for each event.
 */

/* include/linux/ring_buffer.h, enum ring_buffer_type */
enum {
    PAGE_TYPE_DATA_MAX = 28,
    PAGE_TYPE_PADDING = 29,
    PAGE_TYPE_TIME_EXTEND = 30,
    PAGE_TYPE_TIME_STAMP = 31,
};

/* kernel/trace/ring_buffer.c */
#define PAGE_TYPE_BITS        5
#define PAGE_TIME_DELTA_BITS  27
#define PAGE_TIME_STAMP_MSB   (UINT64_C(0xf8) << 56)
#define PAGE_TIME_STAMP_CARRY (UINT64_C(1) << 59)

#define PAGE_WORD_BYTES 4

static inline uint32_t page_load_u32(const uint8_t *p)
{
    uint32_t value;

    memcpy(&value, p, sizeof(value));
    return value;
}

/*
 * Absolute stamps hold 59 bits; the rest is the page's (rb_fix_abs_ts()).
 */
static inline uint64_t page_full_time_stamp(uint64_t stamp, uint64_t before)
{
    if (before & PAGE_TIME_STAMP_MSB) {
        stamp |= before & PAGE_TIME_STAMP_MSB;
        if (stamp < before) {
            stamp += PAGE_TIME_STAMP_CARRY;
        }
    }
    return stamp;
}

/* False at the end; walk->damaged then tells whether it was the page's own. */
static inline bool page_walk_next(PageWalk *walk, PageEvent *event)
{
    uint64_t start_ticks = walk->ticks;
    bool extended = false;

    while ((size_t)(walk->end - walk->next) >= PAGE_WORD_BYTES) {
        const uint8_t *record = walk->next;
        size_t left = (size_t)(walk->end - record) - PAGE_WORD_BYTES;
        uint32_t header = page_load_u32(record);
        uint32_t type = header & ((1u << PAGE_TYPE_BITS) - 1);
        uint64_t delta = header >> PAGE_TYPE_BITS;
        uint32_t size = type * PAGE_WORD_BYTES;

        if (__builtin_expect(type == 0 || type > PAGE_TYPE_DATA_MAX, false)) {
            if (type == PAGE_TYPE_PADDING && delta == 0) {
                break; /* the rest of the sub-buffer is unused */
            }
            if (left < PAGE_WORD_BYTES) {
                walk->damaged = true;
                break;
            }
            size = page_load_u32(record + PAGE_WORD_BYTES);
            if (type >= PAGE_TYPE_TIME_EXTEND) {
                uint64_t stamp =
                    delta + ((uint64_t)size << PAGE_TIME_DELTA_BITS);

                walk->ticks = type == PAGE_TYPE_TIME_STAMP
                                  ? page_full_time_stamp(stamp, walk->ticks)
                                  : walk->ticks + stamp;
                walk->next = record + 2 * PAGE_WORD_BYTES;
                extended = true;
                continue;
            }
        }
        /* The length word, where there is one, counts itself. */
        if (size > left || size < PAGE_WORD_BYTES) {
            walk->damaged = true;
            break;
        }
        walk->ticks += delta;
        walk->next =
            record + PAGE_WORD_BYTES +
            ((size + PAGE_WORD_BYTES - 1) & ~(size_t)(PAGE_WORD_BYTES - 1));
        if (walk->next > walk->end) {
            walk->next = walk->end;
        }
        if (type == PAGE_TYPE_PADDING) {
            continue; /* a discarded event; its delta counts */
        }
        event->ticks = walk->ticks;
        event->zero_delta = walk->ticks == start_ticks;
        event->zero_extend = event->zero_delta && extended;
        event->data = record + (type ? 1 : 2) * PAGE_WORD_BYTES;
        event->size_bytes = type ? size : size - PAGE_WORD_BYTES;
        return true;
    }
    walk->next = walk->end;
    return false;
}

#endif
