/*
 * PageWalk: the events of one ring-buffer sub-buffer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/page-walk.h"

#include <string.h>

/* include/linux/ring_buffer.h, enum ring_buffer_type */
enum {
    TYPE_LEN_DATA_MAX = 28,
    TYPE_LEN_PADDING = 29,
    TYPE_LEN_TIME_EXTEND = 30,
    TYPE_LEN_TIME_STAMP = 31,
};

/* kernel/trace/ring_buffer.c */
#define TYPE_LEN_BITS    5
#define TIME_DELTA_BITS  27
#define COMMIT_MASK      ((UINT32_C(1) << 27) - 1)
#define RB_MISSED_EVENTS (UINT32_C(1) << 31)
#define RB_MISSED_STORED (UINT32_C(1) << 30)
#define TIME_STAMP_MSB   (UINT64_C(0xf8) << 56)
#define TIME_STAMP_CARRY (UINT64_C(1) << 59)

#define WORD_BYTES 4

static uint32_t load_u32(const uint8_t *p)
{
    uint32_t value;

    memcpy(&value, p, sizeof(value));
    return value;
}

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

bool page_header_read(PageHeader *header, const uint8_t *page,
                      size_t page_bytes, unsigned long_bytes)
{
    size_t room;
    uint32_t commit;

    if (page_bytes < header_bytes(long_bytes)) {
        return false;
    }
    room = page_bytes - header_bytes(long_bytes);
    commit = load_u32(page + sizeof(uint64_t));
    header->ticks = load_u64(page);
    header->commit_bytes = commit & COMMIT_MASK;
    header->missed_events = PAGE_MISSED_NONE;
    if (header->commit_bytes > room) {
        return false;
    }
    if (commit & RB_MISSED_EVENTS) {
        header->missed_events = PAGE_MISSED_UNKNOWN;
        if ((commit & RB_MISSED_STORED) &&
            header->commit_bytes + long_bytes <= room) {
            const uint8_t *stored =
                page + header_bytes(long_bytes) + header->commit_bytes;

            header->missed_events = long_bytes == sizeof(uint64_t)
                                        ? (int64_t)load_u64(stored)
                                        : (int64_t)load_u32(stored);
        }
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

/*
 * Absolute stamps hold 59 bits; the rest is the page's (rb_fix_abs_ts()).
 */
static uint64_t full_time_stamp(uint64_t stamp, uint64_t before)
{
    if (before & TIME_STAMP_MSB) {
        stamp |= before & TIME_STAMP_MSB;
        if (stamp < before) {
            stamp += TIME_STAMP_CARRY;
        }
    }
    return stamp;
}

bool page_walk_next(PageWalk *walk, PageEvent *event)
{
    uint64_t start_ticks = walk->ticks;
    bool extended = false;

    while ((size_t)(walk->end - walk->next) >= WORD_BYTES) {
        const uint8_t *record = walk->next;
        size_t left = (size_t)(walk->end - record) - WORD_BYTES;
        uint32_t header = load_u32(record);
        uint32_t type_len = header & ((1u << TYPE_LEN_BITS) - 1);
        uint64_t delta = header >> TYPE_LEN_BITS;
        uint32_t size;

        if (type_len == TYPE_LEN_PADDING && delta == 0) {
            break; /* the rest of the sub-buffer is unused */
        }
        if (type_len == 0 || type_len >= TYPE_LEN_PADDING) {
            if (left < WORD_BYTES) {
                walk->damaged = true;
                break;
            }
            size = load_u32(record + WORD_BYTES);
        } else {
            size = type_len * WORD_BYTES;
        }

        if (type_len >= TYPE_LEN_TIME_EXTEND) {
            uint64_t stamp = delta + ((uint64_t)size << TIME_DELTA_BITS);

            walk->ticks = type_len == TYPE_LEN_TIME_STAMP
                              ? full_time_stamp(stamp, walk->ticks)
                              : walk->ticks + stamp;
            walk->next = record + 2 * WORD_BYTES;
            extended = true;
            continue;
        }
        /* The length word, where there is one, counts itself. */
        if (size > left || (type_len == 0 && size < WORD_BYTES)) {
            walk->damaged = true;
            break;
        }
        walk->ticks += delta;
        walk->next = record + WORD_BYTES +
                     ((size + WORD_BYTES - 1) & ~(size_t)(WORD_BYTES - 1));
        if (walk->next > walk->end) {
            walk->next = walk->end;
        }
        if (type_len == TYPE_LEN_PADDING) {
            continue; /* a discarded event; its delta counts */
        }
        event->ticks = walk->ticks;
        event->zero_delta = walk->ticks == start_ticks;
        event->zero_extend = event->zero_delta && extended;
        event->data = record + (type_len ? 1 : 2) * WORD_BYTES;
        event->size_bytes = type_len ? size : size - WORD_BYTES;
        return true;
    }
    walk->next = walk->end;
    return false;
}
