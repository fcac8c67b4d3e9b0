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

/* page must stay while the walk and the data pointers are used. */
void page_walk_start(PageWalk *walk, const PageHeader *header,
                     const uint8_t *page, unsigned long_bytes);

/* False at the end; walk->damaged then tells whether it was the page's own. */
bool page_walk_next(PageWalk *walk, PageEvent *event);

#endif
