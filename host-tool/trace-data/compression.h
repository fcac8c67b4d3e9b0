/*
 * Compression: what version 7 trace.dat files are compressed with.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef COMPRESSION_H
#define COMPRESSION_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct Compression Compression;

/*
 * By the name in the file's header: "none", "zlib" or "zstd".  NULL for
 * another one.  Not to be used by two threads at once.
 */
Compression *compression_new(const char *name);
Compression *compression_ref(Compression *compression);
void compression_unref(Compression *compression);

/*
 * Expands one block, which must give exactly out_size bytes.  False when it
 * doesn't; out may then hold anything.
 */
bool compression_expand(Compression *compression, const void *in,
                        size_t in_size, void *out, size_t out_size);

/*
 * Room for size bytes of a block to be expanded, which every user of the
 * Compression shares; valid until the next call.
 */
void *compression_scratch(Compression *compression, size_t size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Compression, compression_unref)

#endif
