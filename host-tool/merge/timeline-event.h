/*
 * TimelineEvent: an event of one of several files.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TIMELINE_EVENT_H
#define TIMELINE_EVENT_H

#include <stdint.h>

#include "merge/timeline-input.h"
#include "trace-data/cpu-cursor.h"

typedef struct TimelineEvent {
    const TimelineInput *input;
    unsigned cpu;
    CpuEvent event;
    uint64_t time; /* by the input's scale: ns, or ticks */
} TimelineEvent;

#endif
