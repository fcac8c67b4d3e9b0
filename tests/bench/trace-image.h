/*
 * TraceImage: a trace.dat file of either version, made of pages that are
 * there already, for tests and benchmarks.
 *
 * What it holds besides pages is taken from another file: so everything in it
 * is real.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TRACE_IMAGE_H
#define TRACE_IMAGE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "trace-data/dat-file.h"

/* The next page of a CPU, dat's page_bytes large; false at the end. */
typedef bool (*TraceImagePage)(gpointer data, uint32_t cpu, uint8_t *page);

typedef struct TraceImage {
    const DatFile *dat; /* with its metadata */
    unsigned version;   /* 6 or 7 */
    /* "zlib" or "zstd", of version 7; NULL: stored as it is */
    const char *compression;
    uint32_t n_cpus;
    TraceImagePage next_page; /* CPU by CPU */
    gpointer data;
    const char *text; /* a latency tracer's, in place of the CPUs' pages */
} TraceImage;

bool trace_image_write(const TraceImage *image, const char *path,
                       GError **error);

#endif
