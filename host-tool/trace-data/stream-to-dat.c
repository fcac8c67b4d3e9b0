/*
 * stream_to_dat(): a stored stream becomes a trace.dat file.
 *
 * The stream has the CPUs' pages interleaved, the file has them apart and
 * their places in front.  So a first pass counts pages and gathers texts, and
 * a second one copies pages to their places.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/stream-to-dat.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "trace-data/stream-decode.h"

#define BUFFER_BYTES (4u << 20)
#define NO_INDEX     UINT16_MAX

_Static_assert(BUFFER_BYTES >= STREAM_MAX_FRAME_BYTES, "a frame must fit");
_Static_assert(TRACE_STREAM_MAX_CPUS < NO_INDEX, "an index is 16 bits");

/* A stored stream, a buffer at a time. */
typedef struct StreamReader {
    int fd;
    StreamDecoder decoder;
    uint8_t *buffer;
    size_t start; /* of what is not decoded yet, in the buffer */
    size_t end;
    uint64_t offset_bytes; /* of start, in the stream */
} StreamReader;

static void stream_reader_init(StreamReader *reader, int fd,
                               const Limits *limits)
{
    *reader = (StreamReader){.fd = fd, .buffer = g_malloc(BUFFER_BYTES)};
    stream_decoder_init(&reader->decoder, limits);
}

static void stream_reader_clear(StreamReader *reader)
{
    g_clear_pointer(&reader->buffer, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StreamReader, stream_reader_clear)

/* The frame lives until the next stream_reader_fill(). */
static StreamStatus stream_reader_next(StreamReader *reader, StreamFrame *frame)
{
    size_t used;
    StreamStatus status =
        stream_decode(&reader->decoder, reader->buffer + reader->start,
                      reader->end - reader->start, frame, &used);

    reader->start += used;
    reader->offset_bytes += used;
    return status;
}

/* *more is FALSE at the end of the stored stream. */
static gboolean stream_reader_fill(StreamReader *reader, gboolean *more,
                                   GError **error)
{
    size_t kept_bytes = reader->end - reader->start;
    ssize_t got;

    memmove(reader->buffer, reader->buffer + reader->start, kept_bytes);
    reader->start = 0;
    reader->end = kept_bytes;
    do {
        got = pread(reader->fd, reader->buffer + kept_bytes,
                    BUFFER_BYTES - kept_bytes,
                    (off_t)(reader->offset_bytes + kept_bytes));
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        int code = errno;

        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(code),
                    "Cannot read the stream at byte %" PRIu64
                    ": %s; check the disk.",
                    reader->offset_bytes, strerror(code));
        return FALSE;
    }
    reader->end += (size_t)got;
    *more = got > 0;
    return TRUE;
}

StreamSummary *stream_summary_new(void)
{
    StreamSummary *summary = g_new0(StreamSummary, 1);

    summary->cpus = g_array_new(FALSE, FALSE, sizeof(TraceHelloCpu));
    summary->stats = g_array_new(FALSE, FALSE, sizeof(TraceCpuStats));
    summary->notes = g_ptr_array_new_with_free_func(g_free);
    return summary;
}

void stream_summary_free(StreamSummary *summary)
{
    if (!summary) {
        return;
    }
    g_array_unref(summary->cpus);
    g_array_unref(summary->stats);
    g_ptr_array_unref(summary->notes);
    g_free(summary);
}

uint64_t stream_max_dat_bytes(uint64_t stream_bytes, const Limits *limits)
{
    return MIN(stream_bytes, INT64_MAX / 2 / limits->growth) * limits->growth +
           DAT_MAX_GROWTH_BYTES;
}

/* The first pass: what the stream has. */
typedef struct StreamIndex {
    StreamSummary *summary;
    const Limits *limits;
    DatWriter *writer;                     /* or NULL: texts are ignored */
    uint16_t *index;                       /* CPU number to place in HELLO */
    uint64_t pages[TRACE_STREAM_MAX_CPUS]; /* by CPU number */
    uint32_t cpu_slots;                    /* highest CPU number + 1 */
    uint64_t page_count;
    uint64_t max_page_count;
    gboolean cut; /* max_page_count was reached */
} StreamIndex;

static void note(StreamSummary *summary, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

static void note(StreamSummary *summary, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(summary->notes, g_strdup_vprintf(format, args));
    va_end(args);
}

static void index_hello(StreamIndex *index, const StreamFrame *frame,
                        uint64_t stream_bytes)
{
    StreamSummary *summary = index->summary;

    summary->hello = stream_frame_hello(frame);
    for (uint32_t i = 0; i < summary->hello.cpu_count; i++) {
        TraceHelloCpu cpu = stream_frame_hello_cpu(frame, i);
        TraceCpuStats stats = {.cpu = cpu.cpu};

        g_array_append_val(summary->cpus, cpu);
        g_array_append_val(summary->stats, stats);
        index->index[cpu.cpu] = (uint16_t)i;
        index->cpu_slots = MAX(index->cpu_slots, cpu.cpu + 1);
    }
    index->max_page_count =
        MIN(index->limits->pages,
            stream_max_dat_bytes(stream_bytes, index->limits) /
                summary->hello.page_bytes);
    index->writer = dat_writer_new(&summary->hello, index->limits);
}

static void index_stats(StreamIndex *index, const TraceCpuStats *stats)
{
    g_array_index(index->summary->stats, TraceCpuStats,
                  index->index[stats->cpu]) = *stats;
}

static void index_freeze(StreamSummary *summary, const StreamFrame *frame)
{
    if (frame->meta_text_bytes == sizeof(summary->freeze)) {
        memcpy(&summary->freeze, frame->meta_text, sizeof(summary->freeze));
    }
}

/* END's own page counts must be what came: nothing was left out. */
static void index_end(StreamIndex *index, const StreamFrame *frame)
{
    for (uint32_t i = 0; i < index->summary->hello.cpu_count; i++) {
        TraceCpuStats stats = stream_frame_stats(frame, i);

        index_stats(index, &stats);
        if (stats.pages != index->pages[stats.cpu]) {
            note(index->summary,
                 "The recorder says that it sent %" PRIu64
                 " pages of CPU %" PRIu32 ", but %" PRIu64 " came.",
                 stats.pages, stats.cpu, index->pages[stats.cpu]);
        }
    }
    index->summary->ended = TRUE;
}

static void index_frame(StreamIndex *index, const StreamFrame *frame,
                        uint64_t stream_bytes)
{
    switch (frame->type) {
    case TRACE_FRAME_HELLO:
        index_hello(index, frame, stream_bytes);
        break;
    case TRACE_FRAME_META:
        if (frame->meta_kind == TRACE_META_FREEZE) {
            index_freeze(index->summary, frame);
            break;
        }
        dat_writer_add_text(index->writer, frame->meta_kind, frame->meta_name,
                            frame->meta_text, frame->meta_text_bytes);
        break;
    case TRACE_FRAME_PAGE:
        if (index->page_count == index->max_page_count) {
            index->cut = TRUE;
            break;
        }
        index->page_count++;
        index->pages[frame->cpu]++;
        break;
    case TRACE_FRAME_LOSS: {
        TraceCpuStats stats = stream_frame_stats(frame, 0);

        index_stats(index, &stats);
        break;
    }
    case TRACE_FRAME_END:
        index_end(index, frame);
        break;
    }
}

static void note_end(StreamIndex *index, StreamReader *reader,
                     StreamStatus status)
{
    StreamSummary *summary = index->summary;

    if (index->cut) {
        note(summary,
             "The stream was cut off at byte %" PRIu64 ": what follows is %s.",
             reader->offset_bytes,
             index->page_count >= index->limits->pages ? LIMIT_ABOVE("pages")
                                                       : LIMIT_ABOVE("growth"));
    } else if (status == STREAM_NEED_MORE) {
        note(summary,
             "The stream breaks off at byte %" PRIu64
             ": the recorder or its connection was cut off.",
             reader->offset_bytes);
    } else if (status != STREAM_END) {
        note(summary,
             "The stream is damaged at byte %" PRIu64
             " (%s): what came before it was kept.",
             reader->offset_bytes, stream_status_text(status));
    }
}

static gboolean throw_no_hello(StreamReader *reader, StreamStatus status,
                               GError **error)
{
    if (status == STREAM_NEED_MORE && reader->end == 0) {
        g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                            "The stream is empty: nothing came from the "
                            "recorder; check that it was started.");
    } else if (status >= STREAM_FRAME_TOO_LARGE) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "The stream cannot be read from its first frame on: %s.",
                    stream_status_text(status));
    } else {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "The stream cannot be read from its first frame on (%s); "
                    "check that the recorder has the same version.",
                    stream_status_text(status));
    }
    return FALSE;
}

/* Up to HELLO if hello_only, else as far as the stream can be read. */
static gboolean index_stream(StreamIndex *index, int fd, uint64_t stream_bytes,
                             gboolean hello_only, GError **error)
{
    g_auto(StreamReader) reader;
    StreamFrame frame;
    StreamStatus status = STREAM_NEED_MORE;
    gboolean more = TRUE;

    stream_reader_init(&reader, fd, index->limits);
    while (more && !index->cut) {
        uint64_t frame_start_bytes = reader.offset_bytes;

        status = stream_reader_next(&reader, &frame);
        if (status == STREAM_FRAME) {
            index_frame(index, &frame, stream_bytes);
            if (index->cut) {
                reader.offset_bytes = frame_start_bytes;
            }
            more = !hello_only;
        } else if (status != STREAM_NEED_MORE && status != STREAM_END) {
            break;
        } else if (!stream_reader_fill(&reader, &more, error)) {
            return FALSE;
        }
    }
    if (!index->writer) {
        return throw_no_hello(&reader, status, error);
    }
    index->summary->stream_bytes = reader.offset_bytes;
    if (!hello_only) {
        note_end(index, &reader, status);
    }
    return TRUE;
}

/* The second pass: the pages before stream_bytes go to their places. */
static gboolean copy_pages(StreamIndex *index, int fd, GError **error)
{
    DatWriter *writer = index->writer;
    uint64_t stream_bytes = index->summary->stream_bytes;
    g_auto(StreamReader) reader;
    StreamFrame frame;
    gboolean more = TRUE;

    stream_reader_init(&reader, fd, index->limits);
    while (more && reader.offset_bytes < stream_bytes) {
        StreamStatus status = stream_reader_next(&reader, &frame);

        if (status == STREAM_NEED_MORE) {
            if (!dat_writer_flush(writer, error) ||
                !stream_reader_fill(&reader, &more, error)) {
                return FALSE;
            }
        } else if (status != STREAM_FRAME) {
            break;
        } else if (frame.type == TRACE_FRAME_PAGE &&
                   !dat_writer_add_page(writer, frame.cpu, frame.payload,
                                        frame.length_bytes, error)) {
            return FALSE;
        }
    }
    if (reader.offset_bytes != stream_bytes) {
        g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                            "The stream changed while it was read; try "
                            "again when its recording has ended.");
        return FALSE;
    }
    return dat_writer_flush(writer, error);
}

static StreamIndex *stream_index_new(const Limits *limits)
{
    StreamIndex *index = g_new0(StreamIndex, 1);

    index->limits = limits;
    index->summary = stream_summary_new();
    index->index = g_new(uint16_t, TRACE_STREAM_MAX_CPUS);
    memset(index->index, 0xff, TRACE_STREAM_MAX_CPUS * sizeof(uint16_t));
    return index;
}

static void stream_index_free(StreamIndex *index)
{
    stream_summary_free(index->summary);
    dat_writer_free(index->writer);
    g_free(index->index);
    g_free(index);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StreamIndex, stream_index_free)

static void finish_stats(StreamIndex *index)
{
    GArray *all = index->summary->stats;

    for (guint i = 0; i < all->len; i++) {
        TraceCpuStats *stats = &g_array_index(all, TraceCpuStats, i);

        stats->pages = index->pages[stats->cpu];
        dat_writer_add_stats(index->writer, stats);
    }
}

StreamSummary *stream_to_dat(int stream_fd, int dat_fd,
                             const DatOptions *options, const Limits *limits,
                             GError **error)
{
    g_autoptr(StreamIndex) index = stream_index_new(limits);
    off_t size = lseek(stream_fd, 0, SEEK_END);

    if (!index_stream(index, stream_fd, size < 0 ? 0 : (uint64_t)size, FALSE,
                      error)) {
        return NULL;
    }
    finish_stats(index);
    if (!dat_writer_start(index->writer, dat_fd, options, index->pages,
                          index->cpu_slots, error) ||
        !copy_pages(index, stream_fd, error)) {
        return NULL;
    }

    const GPtrArray *notes = dat_writer_notes(index->writer);

    for (guint i = 0; i < notes->len; i++) {
        note(index->summary, "%s", (char *)g_ptr_array_index(notes, i));
    }
    index->summary->dat_bytes = dat_writer_bytes(index->writer);
    return g_steal_pointer(&index->summary);
}

StreamSummary *stream_read_hello(int stream_fd, const Limits *limits,
                                 GError **error)
{
    g_autoptr(StreamIndex) index = stream_index_new(limits);

    if (!index_stream(index, stream_fd, 0, TRUE, error)) {
        return NULL;
    }
    return g_steal_pointer(&index->summary);
}
