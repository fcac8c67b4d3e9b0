/*
 * TraceInstance: a tracefs instance of our own, and its files.
 *
 * It begins with the kernel's defaults, and removing it undoes all that was
 * set in it: events, filters, tracer, buffers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TRACE_INSTANCE_H
#define TRACE_INSTANCE_H

#include <glib.h>
#include <stdbool.h>

typedef struct TraceInstance TraceInstance;

/* Creates it; one of that name must not exist. */
TraceInstance *trace_instance_new(const char *name, GError **error);

/* Removes it; descriptors of its files must be closed before. */
void trace_instance_free(TraceInstance *instance);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TraceInstance, trace_instance_free)

/* Its directory, e.g. /sys/kernel/tracing/instances/qga-trace. */
const char *trace_instance_dir(const TraceInstance *instance);

/*
 * What a file has; @instance may be NULL, for the top of tracefs.  NULL with
 * errno set where it can't be read, and NULL where it is empty.
 */
char *trace_instance_read(const TraceInstance *instance, const char *file);

/* Whether a file's words include @word; brackets around one are ignored. */
bool trace_instance_lists(const TraceInstance *instance, const char *file,
                          const char *word);

/* These leave errno, for callers that know what a failure means. */
bool trace_instance_write(const TraceInstance *instance, const char *file,
                          const char *text);
bool trace_instance_append(const TraceInstance *instance, const char *file,
                           const char *text);

/* The same as trace_instance_write, with the error that names the file. */
bool trace_instance_set(const TraceInstance *instance, const char *file,
                        const char *text, GError **error);

/* O_CLOEXEC is added.  The caller closes it; -1 with @error set on failure. */
int trace_instance_open(const TraceInstance *instance, const char *file,
                        int flags, GError **error);

/*
 * Where the kernel's tracefs is, e.g. /sys/kernel/tracing, which is mounted
 * where it isn't; a constant.
 */
const char *trace_instance_tracing_dir(GError **error);

/* The directory of an instance that another process owns, or nobody. */
char *trace_instance_find_dir(const char *name, GError **error);

/*
 * Removes an instance that a killed recorder left behind, if there is one; the
 * caller knows by a lock that its owner is dead.
 */
bool trace_instance_remove_stale(const char *name, GError **error);

#endif
