/*
 * make-trace: a trace.dat made of another one's pages.
 *
 * Either the same trace in another form, or a large one: the recorded pages
 * are played again and again on as many CPUs as wanted, with their clocks
 * moved on, so that every event in it is real.  Or whole copies of a recording
 * one after the other, a period apart: with the same period, a host and its
 * guest stay as they belong together.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "trace-data/dat-open.h"
#include "trace-data/page-source.h"
#include "trace-data/page-walk.h"
#include "trace-image.h"

/* RB_MISSED_EVENTS: kernel/trace/ring_buffer.c */
#define MISSED_EVENTS (UINT32_C(1) << 31)

/* A recorded CPU. */
typedef struct SourceCpu {
    PageSource *pages;
    uint64_t n_pages;
    GArray *n_events; /* of uint32_t, by page */
    GArray *stamps;   /* of uint64_t, by page */
    uint64_t last_ticks;
} SourceCpu;

/* A CPU that is written: where it is in the recorded one. */
typedef struct ReplayCpu {
    uint64_t page;
    uint64_t left_pages;  /* of a plain copy */
    uint64_t left_events; /* of a replay */
    uint64_t add_ticks;
    bool started;
} ReplayCpu;

typedef struct Replay {
    DatFile *dat;
    GPtrArray *sources; /* of SourceCpu with pages */
    uint32_t n_cpus;
    uint64_t n_events; /* of each CPU; 0: copy */
    uint64_t first_ticks;
    uint64_t n_copies;
    uint64_t period_ticks;
    ReplayCpu *cpus;
} Replay;

static const uint8_t *read_page(const Replay *replay, SourceCpu *source,
                                uint64_t number, PageHeader *header)
{
    const uint8_t *page = page_source_page(source->pages, number);

    if (!page || !page_header_read(header, page, replay->dat->page_bytes,
                                   replay->dat->long_bytes)) {
        g_error("%s: a damaged page", replay->dat->path);
    }
    return page;
}

static void measure(Replay *replay, SourceCpu *source)
{
    for (uint64_t i = 0; i < source->n_pages; i++) {
        PageHeader header;
        PageWalk walk;
        PageEvent event;
        uint32_t n = 0;
        const uint8_t *page = read_page(replay, source, i, &header);

        page_walk_start(&walk, &header, page, replay->dat->long_bytes);
        while (page_walk_next(&walk, &event)) {
            source->last_ticks = event.ticks;
            n++;
        }
        g_array_append_val(source->n_events, n);
        g_array_append_val(source->stamps, header.ticks);
        if (i == 0 &&
            (replay->first_ticks == 0 || header.ticks < replay->first_ticks)) {
            replay->first_ticks = header.ticks;
        }
    }
}

static void add_sources(Replay *replay)
{
    for (guint cpu = 0; cpu < replay->dat->cpus->len; cpu++) {
        SourceCpu *source = g_new0(SourceCpu, 1);

        source->pages = page_source_new(replay->dat, cpu);
        source->n_pages = page_source_count(source->pages);
        source->n_events = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        source->stamps = g_array_new(FALSE, FALSE, sizeof(uint64_t));
        if (replay->n_events > 0 && source->n_pages == 0) {
            continue;
        }
        g_ptr_array_add(replay->sources, source);
        measure(replay, source);
    }
}

static void move_stamps(uint8_t *page, const PageHeader *header,
                        unsigned long_bytes, uint64_t add_ticks)
{
    uint64_t ticks = header->ticks + add_ticks;
    uint8_t *next = page + sizeof(uint64_t) + long_bytes;
    uint8_t *end = next + header->commit_bytes;

    memcpy(page, &ticks, sizeof(ticks));
    while (end - next >= 8) {
        uint32_t word = page_load_u32(next);
        uint32_t type = word & 31;
        uint32_t length = page_load_u32(next + 4);

        if (type == PAGE_TYPE_TIME_STAMP) {
            uint64_t stamp = (word >> 5) + ((uint64_t)length << 27) + add_ticks;
            uint32_t words[2] = {(uint32_t)(stamp & ((1u << 27) - 1)) << 5 |
                                     PAGE_TYPE_TIME_STAMP,
                                 (uint32_t)(stamp >> 27)};

            memcpy(next, words, sizeof(words));
        }
        if (type == PAGE_TYPE_PADDING && word >> 5 == 0) {
            return;
        }
        next += type >= PAGE_TYPE_TIME_EXTEND
                    ? 8
                    : 4 + (type == 0 || type == PAGE_TYPE_PADDING
                               ? (length + 3) & ~3u
                               : type * 4);
    }
}

/* Replicas of a CPU begin at different pages, at the same time. */
static void start_replay(Replay *replay, uint32_t cpu, SourceCpu *source)
{
    ReplayCpu *state = &replay->cpus[cpu];
    uint32_t n_sources = replay->sources->len;
    uint32_t n_replicas = (replay->n_cpus + n_sources - 1) / n_sources;
    uint32_t replica = cpu / n_sources;

    state->started = true;
    state->left_events = replay->n_events;
    state->page = source->n_pages * replica / n_replicas;
    state->add_ticks =
        replica == 0 ? 0
                     : replay->first_ticks + 977 * replica -
                           g_array_index(source->stamps, uint64_t, state->page);
}

static bool replay_page(gpointer data, uint32_t cpu, uint8_t *page)
{
    Replay *replay = data;
    ReplayCpu *state = &replay->cpus[cpu];
    SourceCpu *source = replay->sources->pdata[cpu % replay->sources->len];
    PageHeader header;
    const uint8_t *bytes;
    uint32_t n_events;

    if (!state->started) {
        start_replay(replay, cpu, source);
    }
    if (state->left_events == 0) {
        return false;
    }
    bytes = read_page(replay, source, state->page, &header);
    memcpy(page, bytes, replay->dat->page_bytes);
    move_stamps(page, &header, replay->dat->long_bytes, state->add_ticks);
    n_events = g_array_index(source->n_events, uint32_t, state->page);
    state->left_events -= MIN(n_events, state->left_events);
    if (++state->page == source->n_pages) {
        state->page = 0;
        state->add_ticks += source->last_ticks -
                            g_array_index(source->stamps, uint64_t, 0) + 1000;
    }
    return true;
}

/* Between two copies nothing was recorded. */
static void mark_missed(uint8_t *page)
{
    uint32_t commit = page_load_u32(page + sizeof(uint64_t)) | MISSED_EVENTS;

    memcpy(page + sizeof(uint64_t), &commit, sizeof(commit));
}

static bool copy_page(gpointer data, uint32_t cpu, uint8_t *page)
{
    Replay *replay = data;
    SourceCpu *source = replay->sources->pdata[cpu];
    uint64_t number = replay->cpus[cpu].page++;
    PageHeader header;

    if (source->n_pages == 0 || number / source->n_pages >= replay->n_copies) {
        return false;
    }
    memcpy(page, read_page(replay, source, number % source->n_pages, &header),
           replay->dat->page_bytes);
    move_stamps(page, &header, replay->dat->long_bytes,
                number / source->n_pages * replay->period_ticks);
    if (number > 0 && number % source->n_pages == 0) {
        mark_missed(page);
    }
    return true;
}

/* From the first event to the last one. */
static uint64_t span_ticks(const Replay *replay)
{
    uint64_t last_ticks = 0;

    for (guint i = 0; i < replay->sources->len; i++) {
        const SourceCpu *source = replay->sources->pdata[i];

        last_ticks = MAX(last_ticks, source->last_ticks);
    }
    return last_ticks - replay->first_ticks;
}

int main(int argc, char **argv)
{
    g_autofree char *input = NULL;
    g_autofree char *output = NULL;
    g_autofree char *compression = NULL;
    gint version = 6, n_cpus = 0;
    gint64 n_events = 0, n_copies = 1, period_ticks = 0;
    gboolean wants_span = FALSE;
    const GOptionEntry entries[] = {
        {"input", 'i', 0, G_OPTION_ARG_FILENAME, &input, "Recording", "FILE"},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "What to make",
         "FILE"},
        {"file-version", 0, 0, G_OPTION_ARG_INT, &version, "6 or 7", "N"},
        {"compression", 0, 0, G_OPTION_ARG_STRING, &compression,
         "zlib or zstd, of version 7", "NAME"},
        {"events", 0, 0, G_OPTION_ARG_INT64, &n_events,
         "Play again to so many events", "N"},
        {"cpus", 0, 0, G_OPTION_ARG_INT, &n_cpus, "on so many CPUs", "N"},
        {"span", 0, 0, G_OPTION_ARG_NONE, &wants_span,
         "Print how many ticks the recording is long, and make nothing", NULL},
        {"copies", 0, 0, G_OPTION_ARG_INT64, &n_copies,
         "So many copies of all of it", "N"},
        {"period", 0, 0, G_OPTION_ARG_INT64, &period_ticks,
         "apart by so much, at least the span", "TICKS"},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(DatFile) dat = NULL;
    Replay replay = {0};
    TraceImage image;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || !input ||
        (!output && !wants_span) || !(dat = dat_file_open(input, &error))) {
        fprintf(stderr, "make-trace: %s\n",
                error ? error->message : "give -i and -o");
        return 1;
    }
    replay.dat = dat;
    replay.sources = g_ptr_array_new();
    replay.n_cpus = n_cpus ? (uint32_t)n_cpus : dat->cpus->len;
    replay.n_events = (uint64_t)n_events / replay.n_cpus;
    replay.n_copies = (uint64_t)n_copies;
    replay.period_ticks = (uint64_t)period_ticks;
    replay.cpus = g_new0(ReplayCpu, replay.n_cpus);
    add_sources(&replay);
    if (wants_span) {
        printf("%" G_GUINT64_FORMAT "\n", span_ticks(&replay));
        return 0;
    }
    image = (TraceImage){
        .dat = dat,
        .version = (unsigned)version,
        .compression = compression,
        .n_cpus = replay.n_cpus,
        .next_page = n_events ? replay_page : copy_page,
        .data = &replay,
    };
    if (!trace_image_write(&image, output, &error)) {
        fprintf(stderr, "make-trace: %s\n", error->message);
        return 1;
    }
    return 0;
}
