/*
 * Metadata: the texts that a reader of ring-buffer pages needs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef METADATA_H
#define METADATA_H

#include <stdbool.h>

#include "capture.h"
#include "trace-stream.h"

/*
 * Takes one piece of a text, at most METADATA_PIECE_BYTES; the pieces of one
 * text come in order.  @name is NULL where the kind has none.
 */
#define METADATA_PIECE_BYTES (64u << 10)
typedef bool (*MetadataSink)(TraceMetaKind kind, const char *name,
                             const void *piece, gsize piece_bytes,
                             gpointer data, GError **error);

/*
 * What is known before tracing is on: page and event headers, the formats of
 * the systems that are recorded and of "ftrace", the clock, printk formats,
 * kallsyms, and the names of all tasks.
 */
bool metadata_send_start(const Capture *capture, MetadataSink sink,
                         gpointer data, GError **error);

/*
 * The names of tasks as they are at the end: those of all that still live, then
 * those that the kernel saved while tracing, which are the ones in the events.
 */
bool metadata_send_end(const Capture *capture, MetadataSink sink, gpointer data,
                       GError **error);

#endif
