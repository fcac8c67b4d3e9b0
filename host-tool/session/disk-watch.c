/*
 * DiskWatch: ends a recording while there is room for what is still to come.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/disk-watch.h"

#include "session/disk-reserve.h"
#include "session/session-error.h"

/* The texts of all machines: symbols, event formats. */
#define TEXT_BYTES (UINT64_C(16) << 20)
/* How fast a disk may fill, so that looks are as often as is needed. */
#define MAX_BYTES_PER_US 1000
#define LOOK_US          (50 * 1000)
#define LAST_LOOK_US     G_USEC_PER_SEC
/* For so long the machines may go on once their end was decided. */
#define STOP_S 3

/* How much more may be written. */
static uint64_t room_of(const DiskWatch *watch)
{
    return watch->limits->keep_free_bytes == 0
               ? DISK_ROOM_UNKNOWN
               : disk_reserve_room_at(watch->dir, watch->limits);
}

/* Streams and the files that are made of them: all that comes is there twice.
 */
static uint64_t twice(uint64_t bytes)
{
    return 2 * bytes;
}

gboolean disk_watch_check(const DiskWatch *watch, GError **error)
{
    g_autofree char *why = NULL;

    if (room_of(watch) >= twice(TEXT_BYTES + watch->last_bytes)) {
        return TRUE;
    }
    why = disk_reserve_describe(watch->dir, watch->limits);
    g_set_error(error, SESSION_ERROR, SESSION_ERROR_REFUSED,
                "there is no room for a recording: %s; make room, or name "
                "another directory with --output-dir",
                why);
    return FALSE;
}

void disk_watch_begin(DiskWatch *watch, uint64_t stored_bytes)
{
    watch->looked_us = g_get_monotonic_time();
    watch->stored_bytes = stored_bytes;
}

char *disk_watch_look(DiskWatch *watch, uint64_t stored_bytes)
{
    gint64 now_us = g_get_monotonic_time();
    uint64_t passed_us = (uint64_t)MAX(now_us - watch->looked_us, LOOK_US);
    uint64_t bytes_per_s =
        (stored_bytes - watch->stored_bytes) * G_USEC_PER_SEC / passed_us;
    uint64_t room = room_of(watch);
    uint64_t needed;

    /* It may come in bursts. */
    watch->bytes_per_s = MAX(bytes_per_s, watch->bytes_per_s / 2);
    needed =
        stored_bytes + twice(watch->bytes_per_s * STOP_S + watch->last_bytes);
    watch->stored_bytes = stored_bytes;
    watch->looked_us = now_us;
    if (room < needed) {
        return disk_reserve_describe(watch->dir, watch->limits);
    }
    watch->next_us = now_us + (gint64)CLAMP((room - needed) / MAX_BYTES_PER_US,
                                            LOOK_US, LAST_LOOK_US);
    return NULL;
}
