/*
 * Compression: what version 7 trace.dat files are compressed with.
 *
 * Blocks are those of trace-cmd: compress2() of zlib, ZSTD_compress2() of
 * zstd (lib/trace-cmd/trace-compress-zlib.c and -zstd.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/compression.h"

#include <string.h>
#include <zlib.h>
#include <zstd.h>

typedef enum CompressionKind {
    COMPRESSION_NONE,
    COMPRESSION_ZLIB,
    COMPRESSION_ZSTD,
} CompressionKind;

struct Compression {
    gatomicrefcount refs;
    CompressionKind kind;
    ZSTD_DCtx *zstd;
    void *scratch;
    size_t scratch_bytes;
};

Compression *compression_new(const char *name)
{
    static const char *const names[] = {
        [COMPRESSION_NONE] = "none",
        [COMPRESSION_ZLIB] = "zlib",
        [COMPRESSION_ZSTD] = "zstd",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            Compression *compression = g_new0(Compression, 1);

            g_atomic_ref_count_init(&compression->refs);
            compression->kind = (CompressionKind)i;
            if (compression->kind == COMPRESSION_ZSTD) {
                compression->zstd = ZSTD_createDCtx();
            }
            return compression;
        }
    }
    return NULL;
}

Compression *compression_ref(Compression *compression)
{
    if (compression) {
        g_atomic_ref_count_inc(&compression->refs);
    }
    return compression;
}

void compression_unref(Compression *compression)
{
    if (compression && g_atomic_ref_count_dec(&compression->refs)) {
        ZSTD_freeDCtx(compression->zstd);
        g_free(compression->scratch);
        g_free(compression);
    }
}

void *compression_scratch(Compression *compression, size_t size)
{
    if (size > compression->scratch_bytes) {
        g_free(compression->scratch);
        compression->scratch = g_malloc(size);
        compression->scratch_bytes = size;
    }
    return compression->scratch;
}

bool compression_expand(Compression *compression, const void *in,
                        size_t in_size, void *out, size_t out_size)
{
    uLongf zlib_size = out_size;

    switch (compression->kind) {
    case COMPRESSION_ZLIB:
        return uncompress(out, &zlib_size, in, in_size) == Z_OK &&
               zlib_size == out_size;
    case COMPRESSION_ZSTD:
        return ZSTD_decompressDCtx(compression->zstd, out, out_size, in,
                                   in_size) == out_size;
    default:
        if (in_size != out_size) {
            return false;
        }
        memcpy(out, in, out_size);
        return true;
    }
}
