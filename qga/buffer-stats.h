/*
 * BufferStats: the kernel's own counts of one CPU's ring buffer.
 *
 * Source: tracing_stats_read() in the kernel's kernel/trace/trace.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BUFFER_STATS_H
#define BUFFER_STATS_H

#include <glib.h>
#include <stdbool.h>

/* In events. */
typedef struct BufferStats {
    guint64 entries;        /* in the buffer now */
    guint64 overrun;        /* overwritten before they were read */
    guint64 commit_overrun; /* lost to nesting */
    guint64 dropped;        /* refused because the buffer was full */
    guint64 read;           /* taken by the reader */
} BufferStats;

/* @instance_dir: of a tracefs instance, whoever owns it. */
bool buffer_stats_read(const char *instance_dir, guint cpu, BufferStats *stats,
                       GError **error);

#endif
