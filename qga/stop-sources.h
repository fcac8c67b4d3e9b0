/*
 * StopSources: everything that may end a recording, behind one descriptor.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STOP_SOURCES_H
#define STOP_SOURCES_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "control.h"
#include "trace-stream.h"
#include "trigger.h"

typedef struct StopSources StopSources;

/*
 * @signal_fd: a non-blocking signalfd, the caller's, of the signals that end a
 * recording and SIGCHLD.
 */
StopSources *stop_sources_new(int signal_fd, GError **error);
void stop_sources_free(StopSources *sources);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StopSources, stop_sources_free)

/* All of these stay the caller's. */
bool stop_sources_add_control(StopSources *sources, Control *control, int fd,
                              GError **error);
bool stop_sources_add_trigger(StopSources *sources, Trigger *trigger,
                              GError **error);
/* The end of @child ends the recording; it is not waited for. */
void stop_sources_set_child(StopSources *sources, pid_t child);

/* Readable when one of them has something; for poll and epoll only. */
int stop_sources_fd(const StopSources *sources);

/*
 * Takes what there is.  Returns why to stop, or TRACE_FREEZE_NONE to go on;
 * *@hold is set if the host asked to hold the events, with
 * stop_sources_marker() as the stop marker.
 */
TraceFreezeCause stop_sources_check(StopSources *sources, bool *hold);

/* The stop marker that the host wants, or NULL. */
const char *stop_sources_marker(const StopSources *sources);
/* The signal to end by that came; 0: none. */
int stop_sources_signal(const StopSources *sources);
/* What the host said when it ended the recording, or NULL. */
const char *stop_sources_host_text(const StopSources *sources);

#endif
