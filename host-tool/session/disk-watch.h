/*
 * DiskWatch: ends a recording while there is room for what is still to come.
 *
 * That is what the machines have in their buffers, and the files that are made
 * of their streams.  So the recording is whole, and what was lost is counted
 * in it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DISK_WATCH_H
#define DISK_WATCH_H

#include <glib.h>
#include <stdint.h>

#include "limits/limits.h"

typedef struct DiskWatch {
    const char *dir; /* the caller's, as are the limits */
    const Limits *limits;
    uint64_t last_bytes;   /* what the machines may send when it ends */
    uint64_t stored_bytes; /* of all machines, at the last look */
    uint64_t bytes_per_s;  /* that were stored lately */
    gint64 looked_us;      /* when that look was */
    gint64 next_us;        /* when the next one is due */
} DiskWatch;

/* Whether there is room for the shortest recording, in dir or a new one in it.
 */
gboolean disk_watch_check(const DiskWatch *watch, GError **error);

/* What is stored by now is no measure of what is to come. */
void disk_watch_begin(DiskWatch *watch, uint64_t stored_bytes);

/*
 * Looks whether the recording may go on; else says why not, in words that are
 * the caller's.
 */
char *disk_watch_look(DiskWatch *watch, uint64_t stored_bytes);

#endif
