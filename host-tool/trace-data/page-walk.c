/*
 * PageWalk: the events of one ring-buffer sub-buffer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/page-walk.h"

/* kernel/trace/ring_buffer.c */
#define COMMIT_MASK      ((UINT32_C(1) << 27) - 1)
#define RB_MISSED_EVENTS (UINT32_C(1) << 31)
#define RB_MISSED_STORED (UINT32_C(1) << 30)

static uint64_t load_u64(const uint8_t *p)
{
    uint64_t value;

    memcpy(&value, p, sizeof(value));
    return value;
}

static size_t header_bytes(unsigned long_bytes)
{
    return sizeof(uint64_t) + long_bytes;
}

bool page_header_peek(PageHeader *header, const uint8_t *bytes,
                      size_t page_bytes, unsigned long_bytes)
{
    uint32_t commit;

    if (page_bytes < header_bytes(long_bytes)) {
        return false;
    }
    commit = page_load_u32(bytes + sizeof(uint64_t));
    header->ticks = load_u64(bytes);
    header->commit_bytes = commit & COMMIT_MASK;
    header->missed_events =
        commit & RB_MISSED_EVENTS ? PAGE_MISSED_UNKNOWN : PAGE_MISSED_NONE;
    return header->commit_bytes <= page_bytes - header_bytes(long_bytes);
}

bool page_header_read(PageHeader *header, const uint8_t *page,
                      size_t page_bytes, unsigned long_bytes)
{
    size_t used_bytes;

    if (!page_header_peek(header, page, page_bytes, long_bytes)) {
        return false;
    }
    used_bytes = header_bytes(long_bytes) + header->commit_bytes;
    if (header->missed_events == PAGE_MISSED_UNKNOWN &&
        (page_load_u32(page + sizeof(uint64_t)) & RB_MISSED_STORED) &&
        used_bytes + long_bytes <= page_bytes) {
        header->missed_events = long_bytes == sizeof(uint64_t)
                                    ? (int64_t)load_u64(page + used_bytes)
                                    : (int64_t)page_load_u32(page + used_bytes);
    }
    return true;
}

void page_walk_start(PageWalk *walk, const PageHeader *header,
                     const uint8_t *page, unsigned long_bytes)
{
    walk->next = page + header_bytes(long_bytes);
    walk->end = walk->next + header->commit_bytes;
    walk->ticks = header->ticks;
    walk->damaged = false;
}
