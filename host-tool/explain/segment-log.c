/*
 * SegmentLog: the recent history of one vCPU.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "explain/segment-log.h"

/* How far back segment_log_retell() looks. */
#define RETELL_SEGMENTS 32

typedef struct Start {
    uint64_t from_ticks;
    Cause cause;
} Start;

struct SegmentLog {
    Start *starts;
    size_t capacity; /* a power of two */
    uint64_t n_added;
    uint64_t n_taken;
};

SegmentLog *segment_log_new(size_t capacity)
{
    SegmentLog *log = g_new0(SegmentLog, 1);

    log->capacity = 64;
    while (log->capacity < capacity) {
        log->capacity *= 2;
    }
    log->starts = g_new(Start, log->capacity);
    return log;
}

void segment_log_free(SegmentLog *log)
{
    if (log) {
        g_free(log->starts);
        g_free(log);
    }
}

static Start *start_at(const SegmentLog *log, uint64_t index)
{
    return &log->starts[index & (log->capacity - 1)];
}

/* The index of the oldest that is still there. */
static uint64_t oldest(const SegmentLog *log)
{
    return log->n_added > log->capacity ? log->n_added - log->capacity : 0;
}

Cause segment_log_last(const SegmentLog *log)
{
    return log->n_added ? start_at(log, log->n_added - 1)->cause
                        : cause_plain(CAUSE_UNKNOWN);
}

uint64_t segment_log_add(SegmentLog *log, uint64_t ticks, Cause cause,
                         Cause *ended)
{
    Start *last = log->n_added ? start_at(log, log->n_added - 1) : NULL;
    uint64_t length = last ? ticks - last->from_ticks : 0;

    *ended = last ? last->cause : cause;
    if (last && last->from_ticks == ticks) {
        last->cause = cause;
        return 0;
    }
    *start_at(log, log->n_added) = (Start){ticks, cause};
    log->n_added++;
    return length;
}

void segment_log_retell(SegmentLog *log, uint64_t from, uint64_t to,
                        CauseKind recent_kind, Cause cause)
{
    Segment recent[RETELL_SEGMENTS];
    size_t n = 0;
    Cause ignored;

    while (log->n_added > oldest(log) && n < RETELL_SEGMENTS) {
        const Start *last = start_at(log, log->n_added - 1);

        recent[n++] = (Segment){last->from_ticks, to, last->cause};
        log->n_added--;
        if (last->from_ticks <= from) {
            break;
        }
    }
    while (n-- > 0) {
        const Segment *old = &recent[n];
        uint64_t end = n > 0 ? recent[n - 1].from_ticks : to;

        if (cause_kind(old->cause) != recent_kind || end <= from) {
            segment_log_add(log, old->from_ticks, old->cause, &ignored);
            continue;
        }
        if (old->from_ticks < from) {
            segment_log_add(log, old->from_ticks, old->cause, &ignored);
        }
        segment_log_add(log, MAX(old->from_ticks, from), cause, &ignored);
    }
}

bool segment_log_take(SegmentLog *log, bool at_end, uint64_t end_ticks,
                      Segment *segment)
{
    /* The last one's end is not known, those before may be retold. */
    uint64_t unsettled = at_end ? 0 : RETELL_SEGMENTS + 1;
    const Start *start;

    if (log->n_taken + unsettled >= log->n_added) {
        return false;
    }
    start = start_at(log, log->n_taken++);
    segment->from_ticks = start->from_ticks;
    segment->cause = start->cause;
    segment->to_ticks = log->n_taken < log->n_added
                            ? start_at(log, log->n_taken)->from_ticks
                            : end_ticks;
    return true;
}

/*
 * The index of the segment that holds ticks, or of the oldest.  What is asked
 * for is mostly recent, so the steps back from the end double.
 */
static uint64_t find(const SegmentLog *log, uint64_t ticks)
{
    uint64_t first = oldest(log), high = log->n_added;
    uint64_t low = high, step = 1;

    while (low > first) {
        low = low - first > step ? low - step : first;
        if (start_at(log, low)->from_ticks <= ticks) {
            break;
        }
        high = low;
        step *= 2;
    }

    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;

        if (start_at(log, middle)->from_ticks <= ticks) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

void segment_log_visit(const SegmentLog *log, uint64_t from, uint64_t to,
                       SegmentVisit visit, void *data)
{
    Segment piece = {from, to, cause_plain(CAUSE_UNKNOWN)};

    for (uint64_t i = find(log, from); i < log->n_added; i++) {
        const Start *start = start_at(log, i);

        if (start->from_ticks >= to) {
            break;
        }
        if (start->from_ticks > piece.from_ticks) {
            piece.to_ticks = start->from_ticks;
            visit(&piece, data);
            piece.from_ticks = start->from_ticks;
        }
        piece.cause = start->cause;
    }
    piece.to_ticks = to;
    if (piece.from_ticks < to) {
        visit(&piece, data);
    }
}
