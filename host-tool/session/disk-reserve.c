/*
 * What of a disk a recording leaves free.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/disk-reserve.h"

#include <string.h>
#include <sys/statvfs.h>

#define DEFAULT_KEEP_BYTES (UINT64_C(1) << 30)
#define BYTES_PER_MIB      1048576.0
/* Of a small file system, a part: 5 %. */
#define DEFAULT_KEEP_PART 20

static uint64_t keep_bytes(const struct statvfs *disk, const Limits *limits)
{
    uint64_t part =
        (uint64_t)disk->f_blocks * disk->f_frsize / DEFAULT_KEEP_PART;

    return limit_or(limits->keep_free_bytes, MIN(DEFAULT_KEEP_BYTES, part));
}

/* What others than root may use. */
static uint64_t free_bytes(const struct statvfs *disk)
{
    return (uint64_t)disk->f_bavail * disk->f_frsize;
}

static uint64_t room_of(const struct statvfs *disk, const Limits *limits)
{
    uint64_t keep = keep_bytes(disk, limits);
    uint64_t free = free_bytes(disk);

    /* As an initial RAM disk's. */
    if (disk->f_blocks == 0) {
        return DISK_ROOM_UNKNOWN;
    }
    return free > keep ? free - keep : 0;
}

uint64_t disk_reserve_room(int fd, const Limits *limits)
{
    struct statvfs disk;

    return fstatvfs(fd, &disk) < 0 ? DISK_ROOM_UNKNOWN : room_of(&disk, limits);
}

uint64_t disk_reserve_room_at(const char *path, const Limits *limits)
{
    struct statvfs disk;

    return statvfs(path, &disk) < 0 ? DISK_ROOM_UNKNOWN
                                    : room_of(&disk, limits);
}

char *disk_reserve_describe(const char *path, const Limits *limits)
{
    struct statvfs disk;

    if (statvfs(path, &disk) < 0) {
        memset(&disk, 0, sizeof(disk));
    }
    return g_strdup_printf("%.1f MiB of its disk are free, of which %.1f MiB "
                           "are to stay so (--limit keep-free)",
                           (double)free_bytes(&disk) / BYTES_PER_MIB,
                           (double)keep_bytes(&disk, limits) / BYTES_PER_MIB);
}
