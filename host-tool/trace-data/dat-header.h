/*
 * DatHeader: the parts of a trace.dat file's header that both versions have,
 * whether they stand in a row (6) or in sections (7).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DAT_HEADER_H
#define DAT_HEADER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "trace-data/byte-reader.h"
#include "trace-data/dat-file.h"

/* What a header may hold before it is taken for damage. */
#define DAT_HEADER_MAX_TEXT_BYTES (256u << 20)
#define DAT_HEADER_MAX_NAME_BYTES 256

/* Everything is read through it, in order. */
typedef struct DatHeader {
    DatFile *dat;
    ByteReader bytes;
    const char *part; /* for errors: "the header", "section 18" */
} DatHeader;

/* Says what is damaged and where; returns false. */
G_GNUC_PRINTF(3, 4)
bool dat_header_damaged(const DatHeader *header, GError **error,
                        const char *format, ...);

bool dat_header_take(DatHeader *header, void *to, size_t size, const char *what,
                     GError **error);
char *dat_header_take_name(DatHeader *header, const char *what, GError **error);
bool dat_header_expect(DatHeader *header, const char *bytes, size_t size,
                       GError **error);

/* Each takes over one part into the dat's metadata. */
bool dat_header_read_pages(DatHeader *header, GError **error);
bool dat_header_read_ftrace_events(DatHeader *header, GError **error);
bool dat_header_read_event_systems(DatHeader *header, GError **error);
bool dat_header_read_kallsyms(DatHeader *header, GError **error);
bool dat_header_read_printk_formats(DatHeader *header, GError **error);
bool dat_header_read_cmdlines(DatHeader *header, GError **error);

#endif
