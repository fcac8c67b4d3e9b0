/*
 * TimelineInput: one file of a merged timeline, with its clocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TIMELINE_INPUT_H
#define TIMELINE_INPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#include "clock/clock-track.h"
#include "merge/timeline-scale.h"
#include "trace-data/dat-file.h"
#include "trace-data/event-filter.h"
#include "trace-data/event-table.h"
#include "trace-data/opened-files.h"

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

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TimelineInput, timeline_input_free)

#endif
