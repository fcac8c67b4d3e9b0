/*
 * Timeline: the events of several files in the order in which they happened.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TIMELINE_H
#define TIMELINE_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#include "clock/clock-track.h"
#include "trace-data/cpu-cursor.h"
#include "trace-data/dat-file.h"
#include "trace-data/event-filter.h"
#include "trace-data/event-table.h"

/* How the ticks of the line become what is printed and compared. */
typedef enum TimelineUnit {
    TIMELINE_TICKS, /* no conversion is known */
    TIMELINE_NS,    /* (ticks * mult >> shift) + ns_offset */
    TIMELINE_HZ,    /* ticks * 10^9 / hz + ns_offset */
} TimelineUnit;

typedef struct TimelineScale {
    TimelineUnit unit;
    uint32_t mult;
    uint32_t shift;
    uint64_t hz;
    int64_t ns_offset;
} TimelineScale;

/*
 * Nanoseconds, or the ticks themselves; rounds down.  In the header for speed:
 * it runs once for each event.
 */
static inline uint64_t timeline_scale_apply(const TimelineScale *scale,
                                            uint64_t ticks)
{
    const unsigned __int128 wide_ticks = ticks;
    uint64_t ns;

    switch (scale->unit) {
    case TIMELINE_NS:
        if (__builtin_expect(scale->shift <= 32, true)) {
            /* The upper half's product has no bits that the shift drops. */
            ns = ((ticks >> 32) * scale->mult << (32 - scale->shift)) +
                 ((ticks & UINT32_MAX) * scale->mult >> scale->shift);
        } else {
            ns = (uint64_t)(wide_ticks * scale->mult >> scale->shift);
        }
        return ns + (uint64_t)scale->ns_offset;
    case TIMELINE_HZ:
        return (uint64_t)(wide_ticks * UINT64_C(1000000000) / scale->hz) +
               (uint64_t)scale->ns_offset;
    default:
        return ticks;
    }
}

/*
 * The smallest tick that is at or after time: timeline_scale_apply()'s
 * inverse.  UINT64_MAX when there is none.
 */
uint64_t timeline_scale_invert(const TimelineScale *scale, uint64_t time);

/* One file of the line. */
typedef struct TimelineInput {
    char *label;          /* what stands in front of its lines */
    DatFile *dat;         /* owned */
    EventTable *events;   /* a reference: a file's buffers share one */
    GPtrArray *tracks;    /* of ClockTrack by CPU, NULL entries or NULL */
    GArray *vcpu_threads; /* of int32_t by CPU: the vCPU's tid on the host, 0:
                             unknown; NULL on a host */
    const struct TimelineInput *host; /* whose tids they are; NULL: unknown,
                                         or not a guest */
    int64_t shift_ticks;              /* added to each of its line ticks */
    TimelineScale scale;
    unsigned file; /* which of the files that were named it comes from */
    /* What of it is wanted; selection.h sets these. */
    EventFilter *filter; /* owned; NULL: every event */
    GArray *cpus_wanted; /* of bool by CPU; NULL: all */
    bool is_hidden;      /* nothing */
} TimelineInput;

/* Does host hold what was recorded of the threads that run the guest? */
bool timeline_input_is_host_of(const TimelineInput *host,
                               const TimelineInput *guest);

bool timeline_input_wants_cpu(const TimelineInput *input, unsigned cpu);

/*
 * Opens a file's top-level buffer with the scale that its own options give,
 * and no tracks.
 */
TimelineInput *timeline_input_open(const char *path, const char *label,
                                   GError **error);
/* The same of one of files, which may be NULL. */
TimelineInput *timeline_input_open_from(const OpenedFiles *files,
                                        const char *path, const char *label,
                                        GError **error);
/* The same of a file that is open; fd is taken over. */
TimelineInput *timeline_input_open_fd(int fd, const char *path,
                                      const char *label, const Limits *limits,
                                      GError **error);
/*
 * The same of all the file's buffers, which are appended to inputs (of
 * TimelineInput): the top-level one first, then its instances, labelled by
 * their own names.  NULL and nothing appended on error; else the first.
 */
TimelineInput *timeline_inputs_open(GPtrArray *inputs, const OpenedFiles *files,
                                    const char *path, const char *label,
                                    GError **error);
/* Makes tracks from the file's own TIME_SHIFT option, if it has one. */
void timeline_input_use_time_shift(TimelineInput *input);
/*
 * Lets hosts name a guest's functions by the guest's own symbols, once all
 * inputs (of TimelineInput) have their vcpu_threads.
 */
void timeline_inputs_share_symbols(GPtrArray *inputs);
void timeline_input_free(TimelineInput *input);

/* A track that the input will own, for one CPU. */
void timeline_input_set_track(TimelineInput *input, unsigned cpu,
                              const ClockSegment *segments, size_t n_segments);

typedef struct TimelineEvent {
    const TimelineInput *input;
    unsigned cpu;
    CpuEvent event;
    uint64_t time; /* by the input's scale: ns, or ticks */
} TimelineEvent;

typedef struct Timeline Timeline;

/*
 * Of what the inputs want.  They stay the caller's and must outlive the
 * timeline.
 */
Timeline *timeline_new(GPtrArray *inputs);
void timeline_free(Timeline *timeline);

/*
 * The next event; at equal ticks, of the file and CPU that come first.  What
 * was lost before events that nobody wants was lost before this one.  Valid
 * until the next call.  False at the end.
 */
bool timeline_next(Timeline *timeline, TimelineEvent *event);

/*
 * The same of some events at once, which costs less; max_events at most.  All
 * of them are valid until the next call.  0 at the end.
 */
size_t timeline_read(Timeline *timeline, TimelineEvent *events,
                     size_t max_events);

/*
 * What events were read from goes to the array, which is the caller's, where
 * it would otherwise be freed: for users of more than one timeline_read().
 * NULL for none.
 */
void timeline_keep(Timeline *timeline, GPtrArray *kept);
/* An array for it, which lets go of what is removed from it. */
GPtrArray *timeline_kept_new(void);

/*
 * Places in the timeline.  Each of these moves it, forward or back, so that
 * timeline_next() goes on from there; events that were handed out before are
 * no longer valid.  Only the pages around the place are read, found by their
 * time stamps, except for a vCPU whose clock was changed in mid-recording:
 * its pages up to the place are all read, as each one's clock follows from
 * those before.  A place behind the end leaves no event, one before the
 * beginning all of them.
 */

/* To the first event whose `time` is at or after this one. */
void timeline_seek(Timeline *timeline, uint64_t time);
/* The same by line_ticks: exact where `time` is rounded nanoseconds. */
void timeline_seek_ticks(Timeline *timeline, uint64_t line_ticks);
/* So that the last n_events (fewer if there are fewer) are left. */
void timeline_seek_last(Timeline *timeline, uint64_t n_events);
/* Back to the first event. */
void timeline_rewind(Timeline *timeline);

/*
 * Where it ends: no event after this is handed out or counted by
 * timeline_seek_last().  Holds until it is set again; timeline_span() doesn't
 * heed it.
 */
void timeline_set_end(Timeline *timeline, uint64_t time);
/* The same by line_ticks; the inputs must count the same ticks. */
void timeline_set_end_ticks(Timeline *timeline, uint64_t line_ticks);
/* timeline_next() hands out so many events more. */
void timeline_set_limit(Timeline *timeline, uint64_t n_events);

/* Do all inputs' ticks become times alike? */
bool timeline_has_one_scale(const Timeline *timeline);

/*
 * The first and the last event, for times relative to the recording's ends.
 * False when there is no event.  Leaves the timeline at its beginning.
 */
typedef struct TimelineSpan {
    uint64_t first_time; /* as TimelineEvent's time */
    uint64_t last_time;
    uint64_t first_line_ticks;
    uint64_t last_line_ticks;
} TimelineSpan;

bool timeline_span(Timeline *timeline, TimelineSpan *span);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TimelineInput, timeline_input_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Timeline, timeline_free)

#endif
