/*
 * bench-read: what reading a trace costs, without any text.
 *
 * Usage: bench-read walk|cursors|merge|open|first|last FILE...
 *
 *   walk     the floor: a bare walk through the pages of each CPU of one
 *            uncompressed file after the other, in large reads
 *   cursors  each CPU by itself, with all that an event's user needs
 *   merge    all CPUs of all files on one timeline
 *   open     all that comes before the first event of that
 *   first    open, go to the middle of the timeline, and read 10 events
 *   last     open, and read the last 10 events
 *
 * Prints one line of JSON: events, what the process took for them, and how long
 * they took by themselves, without the opening of files.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "merge/timeline.h"
#include "trace-data/cpu-cursor.h"
#include "trace-data/dat-open.h"
#include "trace-data/page-walk.h"

#define WALK_BYTES (1u << 20)
#define N_EVENTS   10

#define EVENTS_AT_ONCE 64

/* Keeps a compiler from leaving out what nobody looks at. */
static volatile uint64_t sink;

/* How long files were being opened. */
static gint64 open_us;

static void fail(const char *message)
{
    fprintf(stderr, "bench-read: %s\n", message);
    exit(1);
}

static DatFile *open_dat(const char *path)
{
    gint64 start_us = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;
    DatFile *dat = dat_file_open(path, &error);

    if (!dat) {
        fail(error->message);
    }
    open_us += g_get_monotonic_time() - start_us;
    return dat;
}

static uint64_t walk_page(const DatFile *dat, const uint8_t *page)
{
    PageHeader header;
    PageWalk walk;
    PageEvent event;
    uint64_t n = 0, sum = 0;

    if (!page_header_read(&header, page, dat->page_bytes, dat->long_bytes)) {
        fail("a damaged page");
    }
    page_walk_start(&walk, &header, page, dat->long_bytes);
    while (page_walk_next(&walk, &event)) {
        sum += event.ticks;
        n++;
    }
    sink += sum;
    return n;
}

static uint64_t walk_cpu(const DatFile *dat, unsigned cpu, uint8_t *buffer)
{
    const DatCpuData *data = &g_array_index(dat->cpus, DatCpuData, cpu);
    uint64_t n = 0;

    for (uint64_t at = 0; at < data->size_bytes; at += WALK_BYTES) {
        size_t size = MIN(WALK_BYTES, data->size_bytes - at);

        if (pread(dat->fd, buffer, size, (off_t)(data->offset_bytes + at)) !=
            (ssize_t)size) {
            fail("a short read");
        }
        for (size_t page = 0; page + dat->page_bytes <= size;
             page += dat->page_bytes) {
            n += walk_page(dat, buffer + page);
        }
    }
    return n;
}

static uint64_t run_walk(char **paths)
{
    g_autofree uint8_t *buffer = g_malloc(WALK_BYTES);
    uint64_t n = 0;

    for (; *paths; paths++) {
        g_autoptr(DatFile) dat = open_dat(*paths);

        if (dat->compression) {
            fail("walk wants uncompressed files");
        }
        for (guint cpu = 0; cpu < dat->cpus->len; cpu++) {
            n += walk_cpu(dat, cpu, buffer);
        }
    }
    return n;
}

static uint64_t read_cursor(CpuCursor *cursor)
{
    CpuEvent events[EVENTS_AT_ONCE];
    uint64_t n = 0, sum = 0;

    while (cpu_cursor_advance(cursor)) {
        size_t n_read = cpu_cursor_read(cursor, UINT64_MAX, events,
                                        sizeof(*events), EVENTS_AT_ONCE);

        for (size_t i = 0; i < n_read; i++) {
            sum += events[i].line_ticks + events[i].size_bytes;
        }
        n += n_read;
    }
    sink += sum;
    return n;
}

static uint64_t run_cursors(char **paths)
{
    uint64_t n = 0;

    for (; *paths; paths++) {
        g_autoptr(DatFile) dat = open_dat(*paths);

        for (guint cpu = 0; cpu < dat->cpus->len; cpu++) {
            g_autoptr(CpuCursor) cursor = cpu_cursor_new(dat, cpu, NULL, 0);

            n += read_cursor(cursor);
        }
    }
    return n;
}

static GPtrArray *open_inputs(char **paths)
{
    gint64 start_us = g_get_monotonic_time();
    GPtrArray *inputs =
        g_ptr_array_new_with_free_func((GDestroyNotify)timeline_input_free);

    for (; *paths; paths++) {
        g_autoptr(GError) error = NULL;

        if (!timeline_inputs_open(inputs, NULL, *paths, *paths, &error)) {
            fail(error->message);
        }
    }
    for (guint i = 0; i < inputs->len; i++) {
        timeline_input_use_time_shift(inputs->pdata[i]);
    }
    open_us += g_get_monotonic_time() - start_us;
    return inputs;
}

static uint64_t read_events(Timeline *timeline, uint64_t max)
{
    TimelineEvent events[EVENTS_AT_ONCE];
    uint64_t n = 0, sum = 0;
    size_t n_read;

    do {
        n_read =
            timeline_read(timeline, events, MIN(max - n, G_N_ELEMENTS(events)));
        for (size_t i = 0; i < n_read; i++) {
            sum += events[i].time + events[i].event.data[0];
        }
        n += n_read;
    } while (n_read > 0);
    sink += sum;
    return n;
}

static uint64_t run_timeline(const char *what, char **paths)
{
    g_autoptr(GPtrArray) inputs = open_inputs(paths);
    g_autoptr(Timeline) timeline = timeline_new(inputs);
    TimelineSpan span;

    if (strcmp(what, "merge") == 0) {
        return read_events(timeline, UINT64_MAX);
    }
    if (strcmp(what, "open") == 0) {
        return 0;
    }
    if (strcmp(what, "last") == 0) {
        timeline_seek_last(timeline, N_EVENTS);
    } else if (timeline_span(timeline, &span)) {
        timeline_seek(timeline,
                      span.first_time + (span.last_time - span.first_time) / 2);
    }
    return read_events(timeline, N_EVENTS);
}

static double seconds_of(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

/* Of this process alone, unlike ru_maxrss, which an exec keeps. */
static long peak_kib(void)
{
    g_autofree char *status = NULL;
    const char *line;

    g_file_get_contents("/proc/self/status", &status, NULL, NULL);
    line = status ? strstr(status, "VmHWM:") : NULL;
    return line ? strtol(line + strlen("VmHWM:"), NULL, 10) : 0;
}

int main(int argc, char **argv)
{
    gint64 start_us = g_get_monotonic_time(), wall_us;
    struct rusage usage;
    uint64_t n;

    if (argc < 3) {
        fail("usage: bench-read walk|cursors|merge|open|first|last FILE...");
    }
    if (strcmp(argv[1], "walk") == 0) {
        n = run_walk(argv + 2);
    } else if (strcmp(argv[1], "cursors") == 0) {
        n = run_cursors(argv + 2);
    } else {
        n = run_timeline(argv[1], argv + 2);
    }
    wall_us = g_get_monotonic_time() - start_us;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"events\": %" PRIu64 ", \"wall-s\": %.6f, \"read-s\": %.6f, "
           "\"cpu-s\": %.6f, \"peak-kib\": %ld}\n",
           n, (double)wall_us / 1e6, (double)(wall_us - open_us) / 1e6,
           seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime),
           peak_kib());
    return 0;
}
