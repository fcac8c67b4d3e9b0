/*
 * Trigger: the signs by which this machine itself ends a flight recording:
 * somebody turns its tracing off, or a text is written to trace_marker.
 *
 * Writes by programs are noticed at once (inotify sees them on tracefs too);
 * what the kernel turns off by itself is looked for now and then.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TRIGGER_H
#define TRIGGER_H

#include <glib.h>
#include <stdbool.h>

#include "trace-stream.h"

typedef struct Trigger Trigger;

/*
 * @tracing_dir: the top of tracefs; @instance_dir: of the recording, whose
 * tracing may still be off.  @marker: the text to wait for in the top-level
 * trace_marker, anywhere in a line; NULL: none.
 */
Trigger *trigger_new(const char *tracing_dir, const char *instance_dir,
                     const char *marker, GError **error);
void trigger_free(Trigger *trigger);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Trigger, trigger_free)

/* Readable when there may be a sign; for poll and epoll only. */
int trigger_fd(const Trigger *trigger);

/*
 * Which sign there is, or TRACE_FREEZE_NONE.  The descriptor is not readable
 * after that until the next one.  Only to be called while the recording's own
 * tracing is on, as far as the caller knows.
 */
TraceFreezeCause trigger_check(Trigger *trigger);

#endif
