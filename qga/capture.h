/*
 * Capture: what is recorded, and how: a tracefs instance that is set up for it,
 * from its creation to its removal.
 *
 * Everything is set inside the instance; the top-level one and settings that
 * all instances share are never touched, so removing it restores everything.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <glib.h>
#include <stdbool.h>

#include "recorder-options.h"
#include "ring-page.h"

typedef struct Capture Capture;

/*
 * Creates the instance, tracing off, and configures it: the clock first (it
 * empties the buffers), events last.  On failure the instance is removed.
 */
Capture *capture_new(const RecorderOptions *options, GError **error);

/* Removes the instance; descriptors of its pages must be closed before. */
void capture_free(Capture *capture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Capture, capture_free)

bool capture_start(Capture *capture, GError **error);
bool capture_stop(Capture *capture, GError **error);

/*
 * After capture_stop(), and not in it as the kernel waits for its readers
 * here: marks that programs write at the top go to others' instances alone.
 */
void capture_leave_marks(const Capture *capture);

/*
 * Before capture_stop(): whether all that was turned on still is.  If not,
 * somebody else has changed the instance, and @error says what.
 */
bool capture_check_on(const Capture *capture, GError **error);

/* The same of the trace clock, at any time. */
bool capture_check_clock(const Capture *capture, GError **error);

/*
 * Leaves @text in the recording, as a trace_marker.  Nothing depends on it,
 * so that it can't fail.
 */
void capture_mark(const Capture *capture, const char *text);

/* The instance's directory, e.g. /sys/kernel/tracing/instances/qga-trace. */
const char *capture_dir(const Capture *capture);
/* Of TraceHelloCpu. */
const GArray *capture_cpus(const Capture *capture);
const RingPageLayout *capture_page_layout(const Capture *capture);
/* The events that are recorded, as "SYSTEM/EVENT". */
const GPtrArray *capture_events(const Capture *capture);
/* Those of the default set that this kernel lacks; NULL-terminated. */
const char *const *capture_missing_events(const Capture *capture);

/*
 * Opens the pages of one CPU, O_NONBLOCK: read(2) of page_bytes takes one
 * sub-buffer, epoll tells when the buffer is filled by a good part.  The
 * caller closes it.  Returns -1 with @error set on failure.
 */
int capture_open_pages(const Capture *capture, guint cpu, GError **error);

#endif
