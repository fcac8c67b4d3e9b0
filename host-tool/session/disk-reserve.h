/*
 * DiskReserve: what of a disk a recording leaves free.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DISK_RESERVE_H
#define DISK_RESERVE_H

#include <glib.h>
#include <stdint.h>

#include "limits/limits.h"

/* A file system that doesn't tell how large it is has no reserve. */
#define DISK_ROOM_UNKNOWN UINT64_MAX

/*
 * How many bytes may still be written to the file system of fd, any file or
 * directory on it, until no more than the limit keep-free is left of it.
 */
uint64_t disk_reserve_room(int fd, const Limits *limits);
/* The same of a path. */
uint64_t disk_reserve_room_at(const char *path, const Limits *limits);

/*
 * "3000.0 MiB of its disk are free, of which 1024.0 MiB are to stay so (--limit
 * keep-free)"; the caller's.
 */
char *disk_reserve_describe(const char *path, const Limits *limits);

#endif
