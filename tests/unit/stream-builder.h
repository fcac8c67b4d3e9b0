/*
 * StreamBuilder: trace streams for tests, good and bad ones.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STREAM_BUILDER_H
#define STREAM_BUILDER_H

#include <glib.h>

#include "qga/trace-stream.h"

#define BUILDER_PAGE_BYTES 4096
#define BUILDER_TRACE_ID   UINT64_C(0x1122334455667788)

typedef struct StreamBuilder {
    GByteArray *bytes;
    uint64_t sequence;
    TraceHello hello;      /* change it before build_hello() */
    TraceHelloCpu cpus[8]; /* likewise */
    uint64_t pages[8];     /* by CPU number */
} StreamBuilder;

/* CPUs 0 and 3, with APIC ids 0 and 6. */
StreamBuilder *stream_builder_new(void);
void stream_builder_free(StreamBuilder *builder);

/* Returns where the frame starts. */
guint build_frame(StreamBuilder *builder, TraceFrameType type, uint32_t cpu,
                  const void *payload, size_t size);
guint build_hello(StreamBuilder *builder);
guint build_meta(StreamBuilder *builder, TraceMetaKind kind, const char *name,
                 const char *text);
/* A page with one event of 8 bytes for every tick of count. */
guint build_page(StreamBuilder *builder, uint32_t cpu, uint64_t ticks,
                 unsigned count);
guint build_loss(StreamBuilder *builder, uint32_t cpu, uint64_t overrun);
guint build_end(StreamBuilder *builder);

/* Everything that a stream may have, END included, 5 pages in all. */
StreamBuilder *stream_builder_new_whole(void);

/* A file without a name that holds these bytes. */
int file_of_bytes(const void *bytes, size_t size);
/* All that the file holds. */
GByteArray *bytes_of_file(int fd);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StreamBuilder, stream_builder_free)

#endif
