/*
 * Recorder: numbered trace_marker writes into this machine's own tracefs, in
 * an instance of the test's own; what was written must be received or counted
 * as lost, CPU by CPU, event by event.  Skipped where there is no tracefs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recorder.h"
#include "ring-page.h"

#define TRACING_DIR     "/sys/kernel/tracing"
#define BUFFER_KIB      256
#define FLOOD_WRITES    50000
#define MAX_CPUS        2
#define MARKER_ID_BYTES 16 /* common fields and ip, before the text */

/*
 * The recorder's calls are the linker's to lead here (--wrap); in its thread,
 * one on the stream's descriptor, or on a CPU's pages, can be made to fail.
 */
ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);

typedef struct Fault {
    bool is_write; /* to the stream; else a read of pages */
    int code;      /* 0: half of it is done */
    bool is_forever;
    const char *expected; /* of the recorder's error; NULL: it bears it */
} Fault;

static const Fault *fault;
static int faulty_fd; /* of writes */
static _Atomic bool is_due;
static __thread bool is_recorder;

static bool takes_fault(bool is_write, int fd)
{
    char link[64];
    char path[256] = "";

    if (!fault || !is_recorder || !is_due || fault->is_write != is_write) {
        return false;
    }
    g_snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    if (is_write ? fd != faulty_fd
                 : readlink(link, path, sizeof(path) - 1) < 0 ||
                       !g_str_has_suffix(path, "/trace_pipe_raw")) {
        return false;
    }
    is_due = fault->is_forever;
    return true;
}

ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
    if (!takes_fault(false, fd)) {
        return __real_read(fd, bytes, size);
    }
    errno = fault->code;
    return fault->code ? -1 : __real_read(fd, bytes, size / 2);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    if (!takes_fault(true, fd)) {
        return __real_write(fd, bytes, size);
    }
    errno = fault->code;
    return fault->code ? -1 : __real_write(fd, bytes, (size + 1) / 2);
}

typedef struct Writer {
    guint cpu;
    guint writes;
    char *instance;    /* NULL: at the top of tracefs */
    bool may_be_off;   /* tracing, so that writes fail */
    gint64 longest_us; /* of one write */
    GThread *thread;
} Writer;

typedef struct Flood {
    int out_fds[2];
    int stop_fd;
    int ready_fd;
    char *instance;
    Recorder *recorder;
    GError *error;
    bool ok;
    bool is_held;
    bool has_events; /* the default ones */
    bool may_be_off; /* the recorder may end while markers are written */
    GThread *thread;
    GByteArray *stream;
} Flood;

/* What one CPU's pages held. */
typedef struct Received {
    guint64 events;
    guint64 foreign_events;
    guint64 pages;
    gint64 last; /* the last number; -1: none yet */
} Received;

static bool can_record(void)
{
    if (geteuid() != 0 || access(TRACING_DIR "/instances", W_OK) != 0) {
        g_test_skip("needs root and a tracefs at " TRACING_DIR);
        return false;
    }
    return true;
}

static gpointer write_markers(gpointer data)
{
    Writer *writer = data;
    g_autofree char *path =
        writer->instance
            ? g_strdup_printf(TRACING_DIR "/instances/%s/trace_marker",
                              writer->instance)
            : g_strdup(TRACING_DIR "/trace_marker");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    cpu_set_t cpus;

    g_assert_cmpint(fd, >=, 0);
    CPU_ZERO(&cpus);
    CPU_SET(writer->cpu, &cpus);
    g_assert_cmpint(sched_setaffinity(0, sizeof(cpus), &cpus), ==, 0);
    for (guint i = 0; i < writer->writes; i++) {
        char text[64];
        ssize_t length =
            g_snprintf(text, sizeof(text), "%u of %d padding", i, getpid());
        ssize_t written;
        gint64 begin_us = g_get_monotonic_time();

        written = write(fd, text, length);
        g_assert_true(written == length || writer->may_be_off);
        writer->longest_us =
            MAX(writer->longest_us, g_get_monotonic_time() - begin_us);
    }
    close(fd);
    return NULL;
}

static bool on_ready(Recorder *recorder G_GNUC_UNUSED, gpointer data,
                     GError **error G_GNUC_UNUSED)
{
    Flood *flood = data;

    return eventfd_write(flood->ready_fd, 1) == 0;
}

static gpointer run_recorder(gpointer data)
{
    Flood *flood = data;
    const RecorderCallbacks callbacks = {.ready = on_ready, .data = flood};

    is_recorder = true;
    faulty_fd = flood->out_fds[1];
    flood->ok = recorder_run(flood->recorder, flood->stop_fd, &callbacks,
                             &flood->error);
    /* So that the reader sees the end. */
    close(flood->out_fds[1]);
    return NULL;
}

static void flood_init(Flood *flood, guint drain_timeout_s)
{
    char *no_events[] = {NULL};
    RecorderOptions options = {
        .events = flood->has_events ? NULL : no_events,
        .buffer_kib = BUFFER_KIB,
        .drain_timeout_s = drain_timeout_s,
        .is_held = flood->is_held,
    };
    g_autoptr(GError) error = NULL;

    flood->instance = g_strdup_printf("test-recorder-%d", (int)getpid());
    options.instance = flood->instance;
    g_assert_cmpint(pipe2(flood->out_fds, O_NONBLOCK | O_CLOEXEC), ==, 0);
    flood->stop_fd = eventfd(0, EFD_CLOEXEC);
    flood->ready_fd = eventfd(0, EFD_CLOEXEC);
    flood->stream = g_byte_array_new();
    flood->recorder =
        recorder_new(&options, flood->out_fds[1], "the pipe", &error);
    g_assert_no_error(error);
    flood->thread = g_thread_new("recorder", run_recorder, flood);
}

static void flood_clear(Flood *flood)
{
    g_autofree char *dir =
        g_strdup_printf(TRACING_DIR "/instances/%s", flood->instance);

    recorder_free(flood->recorder);
    g_assert_false(g_file_test(dir, G_FILE_TEST_EXISTS));
    close(flood->out_fds[0]);
    close(flood->stop_fd);
    close(flood->ready_fd);
    g_byte_array_unref(flood->stream);
    g_clear_error(&flood->error);
    g_free(flood->instance);
}

/* Reads what there is; false at the end of the stream. */
static bool read_some(Flood *flood)
{
    guint8 buffer[65536];
    ssize_t bytes = read(flood->out_fds[0], buffer, sizeof(buffer));

    if (bytes > 0) {
        g_byte_array_append(flood->stream, buffer, bytes);
    } else if (bytes < 0 && errno == EAGAIN) {
        g_usleep(1000);
    }
    return bytes != 0;
}

static void read_until_ready(Flood *flood)
{
    eventfd_t value;

    fcntl(flood->ready_fd, F_SETFL, O_NONBLOCK);
    while (eventfd_read(flood->ready_fd, &value) < 0) {
        g_assert_true(read_some(flood));
    }
}

static guint writer_count(void)
{
    return MIN(g_get_num_processors(), MAX_CPUS);
}

static void start_writers(Flood *flood, Writer *writers, guint writes)
{
    for (guint i = 0; i < writer_count(); i++) {
        writers[i] = (Writer){.cpu = i,
                              .writes = writes,
                              .instance = flood->instance,
                              .may_be_off = flood->may_be_off};
        writers[i].thread = g_thread_new("writer", write_markers, &writers[i]);
    }
}

static void join_writers(Writer *writers)
{
    for (guint i = 0; i < writer_count(); i++) {
        g_thread_join(writers[i].thread);
    }
}

/* Ours must ascend; what other programs write at the top may come, too. */
static void take_marker(const char *text, Received *received)
{
    gint64 number;
    int pid;

    if (sscanf(text, "%" G_GINT64_FORMAT " of %d ", &number, &pid) != 2 ||
        pid != getpid()) {
        received->foreign_events++;
        return;
    }
    g_assert_cmpint(number, >, received->last);
    received->last = number;
    received->events++;
}

/* Takes the numbers of one page's events. */
static void take_page(const guint8 *page, gsize page_bytes, Received *received)
{
    gsize at = 16;
    guint32 commit;

    memcpy(&commit, page + 8, sizeof(commit));
    page_bytes = MIN(page_bytes, 16 + (commit & ((1u << 27) - 1)));
    received->pages++;
    while (at + 4 <= page_bytes) {
        guint32 header;
        guint32 length;
        guint type;

        memcpy(&header, page + at, sizeof(header));
        memcpy(&length, page + at + 4, sizeof(length));
        type = header & 31;
        at += 4;
        if (type <= 28) {
            gsize text_at = at + (type ? 0 : 4) + MARKER_ID_BYTES;
            take_marker((const char *)page + text_at, received);
        }
        at += type >= 30 ? 4 : type == 0 || type == 29 ? length : type * 4;
    }
}

/* Walks the frames; returns the END payload, or NULL if it was cut short. */
static const TraceCpuStats *take_stream(const Flood *flood, Received *received)
{
    const GByteArray *stream = flood->stream;
    uint64_t sequence = 0;
    gsize at = 0;

    while (at + sizeof(TraceFrameHeader) <= stream->len) {
        const guint8 *payload = stream->data + at + sizeof(TraceFrameHeader);
        TraceFrameHeader header;

        memcpy(&header, stream->data + at, sizeof(header));
        g_assert_cmpuint(header.magic, ==, TRACE_STREAM_MAGIC);
        g_assert_cmpuint(header.sequence, ==, sequence++);
        at += sizeof(header) + (header.length_bytes + 7) / 8 * 8;
        if (at > stream->len) {
            break;
        }
        if (header.type == TRACE_FRAME_PAGE && header.cpu < MAX_CPUS) {
            take_page(payload, header.length_bytes, &received[header.cpu]);
        } else if (header.type == TRACE_FRAME_END) {
            g_assert_cmpuint(at, ==, stream->len);
            return (const TraceCpuStats *)payload;
        }
    }
    return NULL;
}

static guint count_frames(const Flood *flood, TraceFrameType type)
{
    TraceFrameHeader header;
    guint count = 0;

    for (gsize at = 0; at + sizeof(header) <= flood->stream->len;
         at += sizeof(header) + (header.length_bytes + 7) / 8 * 8) {
        memcpy(&header, flood->stream->data + at, sizeof(header));
        count += header.type == type;
    }
    return count;
}

/* The first frame, but signs of life, that comes when tracing is off. */
static void check_freeze(const guint8 *bytes)
{
    TraceFrameHeader header;
    TraceMeta meta;
    TraceFreeze freeze;

    memcpy(&header, bytes, sizeof(header));
    while (header.type == TRACE_FRAME_LOSS) {
        bytes += sizeof(header) + header.length_bytes;
        memcpy(&header, bytes, sizeof(header));
    }
    memcpy(&meta, bytes + sizeof(header), sizeof(meta));
    memcpy(&freeze, bytes + sizeof(header) + sizeof(meta), sizeof(freeze));
    g_assert_cmpuint(header.type, ==, TRACE_FRAME_META);
    g_assert_cmpuint(meta.kind, ==, TRACE_META_FREEZE);
    g_assert_cmpuint(header.length_bytes, ==, sizeof(meta) + sizeof(freeze));
    g_assert_cmpuint(freeze.cause, ==, TRACE_FREEZE_SIGNAL);
    g_assert_cmpuint(freeze.from_ticks, <, freeze.to_ticks);
}

/* What the recorder sends until it ends, which it does. */
static void read_to_end(Flood *flood)
{
    while (read_some(flood)) {
        /* until the end */
    }
    g_thread_join(flood->thread);
}

/* The whole stream of a recorder that ends well: its totals. */
static const TraceCpuStats *take_whole(Flood *flood, Received *received)
{
    const TraceCpuStats *stats;

    read_to_end(flood);
    g_assert_no_error(flood->error);
    stats = take_stream(flood, received);
    g_assert_nonnull(stats);
    return stats;
}

static guint64 lost_events(const TraceCpuStats *stats)
{
    return stats->overrun_events + stats->commit_overrun_events +
           stats->dropped_events + stats->unread_events;
}

static void check_totals(const TraceCpuStats *stats, const Received *received,
                         const Writer *writers)
{
    for (guint i = 0; i < writer_count(); i++) {
        g_test_message("CPU %u: received %" G_GUINT64_FORMAT
                       " lost %" G_GUINT64_FORMAT " unread %" G_GUINT64_FORMAT
                       ", longest write %" G_GINT64_FORMAT " us",
                       i, received[i].events, lost_events(&stats[i]),
                       (guint64)stats[i].unread_events, writers[i].longest_us);
        g_assert_cmpuint(stats[i].cpu, ==, i);
        g_assert_cmpuint(stats[i].read_events, ==,
                         received[i].events + received[i].foreign_events);
        g_assert_cmpuint(stats[i].pages, ==, received[i].pages);
        if (received[i].foreign_events == 0) {
            g_assert_cmpuint(received[i].events + lost_events(&stats[i]), ==,
                             writers[i].writes);
        }
    }
}

static void end_flood(Flood *flood, Writer *writers)
{
    join_writers(writers);
    eventfd_write(flood->stop_fd, 1);
}

/* The reader keeps up: nothing is lost. */
static void test_no_loss(void)
{
    Flood flood = {0};
    Writer writers[MAX_CPUS];
    Received received[MAX_CPUS] = {{.last = -1}, {.last = -1}};
    const TraceCpuStats *stats;

    if (!can_record()) {
        return;
    }
    flood_init(&flood, 5);
    read_until_ready(&flood);
    start_writers(&flood, writers, 1000);
    end_flood(&flood, writers);
    stats = take_whole(&flood, received);
    check_totals(stats, received, writers);
    for (guint i = 0; i < writer_count(); i++) {
        g_assert_cmpuint(lost_events(&stats[i]), ==, 0);
    }
    flood_clear(&flood);
}

static char *option_path(const Flood *flood)
{
    return g_strdup_printf(TRACING_DIR
                           "/instances/%s/options/copy_trace_marker",
                           flood->instance);
}

static void expect_copies(const Flood *flood, const char *expected)
{
    g_autofree char *path = option_path(flood);
    g_autofree char *text = NULL;

    if (g_file_get_contents(path, &text, NULL, NULL)) {
        g_assert_cmpstr(g_strchomp(text), ==, expected);
    }
}

/*
 * The kernel serves instances in the order in which they asked, the last one
 * first, and ends at one that is off.  What others left behind, such as a
 * recorder that was killed, is not tested here.
 */
static void ask_last(const Flood *flood)
{
    g_autofree char *path = option_path(flood);
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        g_assert_cmpint(pwrite(fd, "0", 1, 0), ==, 1);
        g_assert_cmpint(pwrite(fd, "1", 1, 0), ==, 1);
        close(fd);
    }
}

/* Programs don't know of the instance: from Linux 6.16 on it has a copy. */
static void test_top_markers(void)
{
    Flood flood = {0};
    /* The top's own buffer may be off. */
    Writer writer = {.writes = 100, .may_be_off = true};
    Received received[MAX_CPUS] = {{.last = -1}, {.last = -1}};
    bool copies;

    if (!can_record()) {
        return;
    }
    copies = access(TRACING_DIR "/options/copy_trace_marker", F_OK) == 0;
    flood_init(&flood, 5);
    read_until_ready(&flood);
    expect_copies(&flood, "1");
    ask_last(&flood);
    g_thread_join(g_thread_new("writer", write_markers, &writer));
    eventfd_write(flood.stop_fd, 1);
    take_whole(&flood, received);
    /* Or others would go without. */
    expect_copies(&flood, "0");
    g_assert_cmpuint(received[0].events, ==, copies ? 100 : 0);
    flood_clear(&flood);
}

/*
 * The reader pauses while far more is written than the buffers hold, twice,
 * and reads on in between.
 */
static void test_paused_reader(void)
{
    Flood flood = {0};
    Writer writers[MAX_CPUS];
    Received received[MAX_CPUS] = {{.last = -1}, {.last = -1}};
    const TraceCpuStats *stats;
    gint64 resume_us;

    if (!can_record()) {
        return;
    }
    flood_init(&flood, 5);
    read_until_ready(&flood);
    start_writers(&flood, writers, FLOOD_WRITES);
    g_usleep(20000);
    resume_us = g_get_monotonic_time() + 20000;
    while (g_get_monotonic_time() < resume_us) {
        read_some(&flood);
    }
    end_flood(&flood, writers);
    stats = take_whole(&flood, received);
    check_totals(stats, received, writers);
    for (guint i = 0; i < writer_count(); i++) {
        g_assert_cmpuint(stats[i].overrun_events, >, 0);
        g_assert_cmpuint(stats[i].unread_events, ==, 0);
        /* The oldest goes first: the last one written always arrives. */
        g_assert_cmpint(received[i].last, ==, FLOOD_WRITES - 1);
    }
    flood_clear(&flood);
}

static void write_instance_file(const Flood *flood, const char *name,
                                const char *text)
{
    g_autofree char *file =
        g_strdup_printf(TRACING_DIR "/instances/%s/%s", flood->instance, name);
    int fd = open(file, O_WRONLY | O_CLOEXEC);

    g_assert_cmpint(write(fd, text, strlen(text)), ==, (int)strlen(text));
    close(fd);
}

static bool has_pages_of_all(const Flood *flood)
{
    Received received[MAX_CPUS] = {{.last = -1}, {.last = -1}};

    take_stream(flood, received);
    return received[0].pages > 0 && received[writer_count() - 1].pages > 0;
}

/* Something else sets another clock: nothing is sent that bears its times. */
static void test_clock_changed(void)
{
    Flood flood = {0};
    Writer writers[MAX_CPUS];
    Received received[MAX_CPUS] = {{.last = -1}, {.last = -1}};

    if (!can_record()) {
        return;
    }
    flood_init(&flood, 5);
    read_until_ready(&flood);
    start_writers(&flood, writers, 100);
    join_writers(writers);
    while (!has_pages_of_all(&flood)) {
        g_assert_true(read_some(&flood));
    }
    write_instance_file(&flood, "trace_clock", "local");
    /* Their numbers would be found not to ascend. */
    flood.may_be_off = true;
    start_writers(&flood, writers, 100);
    join_writers(writers);
    read_to_end(&flood);
    g_assert_false(flood.ok);
    g_assert_nonnull(strstr(flood.error->message, "trace clock"));
    g_assert_nonnull(take_stream(&flood, received));
    for (guint i = 0; i < writer_count(); i++) {
        g_assert_cmpuint(received[i].events, >, 0);
        g_assert_cmpuint(received[i].events, <=, 100);
    }
    flood_clear(&flood);
}

/* Something else turns tracing off: what came is whole, but it is said. */
static void test_disturbed(void)
{
    Flood flood = {0};
    Writer writers[MAX_CPUS];
    Received received[MAX_CPUS] = {{.last = -1}, {.last = -1}};
    const TraceCpuStats *stats;

    if (!can_record()) {
        return;
    }
    flood_init(&flood, 5);
    read_until_ready(&flood);
    start_writers(&flood, writers, 100);
    join_writers(writers);
    write_instance_file(&flood, "tracing_on", "0");
    eventfd_write(flood.stop_fd, 1);
    read_to_end(&flood);
    g_assert_false(flood.ok);
    g_assert_nonnull(strstr(flood.error->message, "turned off"));
    stats = take_stream(&flood, received);
    g_assert_nonnull(stats);
    check_totals(stats, received, writers);
    flood_clear(&flood);
}

/* With real events, all that was turned on is found on at the end. */
static void test_default_events(void)
{
    Flood flood = {.has_events = true};

    if (!can_record()) {
        return;
    }
    flood_init(&flood, 5);
    read_until_ready(&flood);
    eventfd_write(flood.stop_fd, 1);
    read_to_end(&flood);
    g_assert_no_error(flood.error);
    g_assert_cmpuint(count_frames(&flood, TRACE_FRAME_PAGE), >, 0);
    g_assert_cmpuint(count_frames(&flood, TRACE_FRAME_END), ==, 1);
    flood_clear(&flood);
}

/*
 * A flight recording: nothing but signs of life while it runs, then the
 * freeze, then the latest events.
 */
static void test_held(void)
{
    Flood flood = {.is_held = true};
    Writer writers[MAX_CPUS];
    Received received[MAX_CPUS] = {{.last = -1}, {.last = -1}};
    const TraceCpuStats *stats;
    guint before;

    if (!can_record()) {
        return;
    }
    flood_init(&flood, 5);
    read_until_ready(&flood);
    start_writers(&flood, writers, FLOOD_WRITES);
    join_writers(writers);
    while (count_frames(&flood, TRACE_FRAME_LOSS) == 0) {
        g_assert_true(read_some(&flood));
    }
    before = flood.stream->len;
    g_assert_null(take_stream(&flood, received));
    for (guint i = 0; i < writer_count(); i++) {
        g_assert_cmpuint(received[i].pages, ==, 0);
    }
    eventfd_write(flood.stop_fd, 1);
    stats = take_whole(&flood, received);
    check_freeze(flood.stream->data + before);
    check_totals(stats, received, writers);
    for (guint i = 0; i < writer_count(); i++) {
        g_assert_cmpuint(stats[i].overrun_events, >, 0);
        g_assert_cmpint(received[i].last, ==, FLOOD_WRITES - 1);
    }
    flood_clear(&flood);
}

/* The reader never reads on: the recorder gives up in time, and counts. */
static void test_dead_reader(void)
{
    Flood flood = {0};
    Writer writers[MAX_CPUS];
    Received received[MAX_CPUS] = {{.last = -1}, {.last = -1}};
    const TraceCpuStats *stats;
    guint cpu_count;

    if (!can_record()) {
        return;
    }
    flood_init(&flood, 1);
    read_until_ready(&flood);
    start_writers(&flood, writers, FLOOD_WRITES);
    end_flood(&flood, writers);
    g_thread_join(flood.thread);
    g_assert_false(flood.ok);
    g_assert_nonnull(flood.error);
    stats = recorder_cpu_stats(flood.recorder, &cpu_count);
    while (read_some(&flood)) {
        /* what got into the pipe */
    }
    g_assert_null(take_stream(&flood, received));
    for (guint i = 0; i < writer_count(); i++) {
        g_assert_cmpuint(stats[i].read_events + lost_events(&stats[i]), ==,
                         FLOOD_WRITES);
        g_assert_cmpuint(stats[i].read_events, >=, received[i].events);
        g_assert_cmpuint(stats[i].unread_events, >, 0);
    }
    flood_clear(&flood);
}

/* The reader goes away: the recorder ends at once, tracefs is restored. */
static void test_reader_gone(void)
{
    Flood flood = {0};

    if (!can_record()) {
        return;
    }
    flood_init(&flood, 5);
    read_until_ready(&flood);
    close(flood.out_fds[0]);
    flood.out_fds[0] = -1;
    g_thread_join(flood.thread);
    g_assert_false(flood.ok);
    g_assert_nonnull(flood.error);
    flood_clear(&flood);
}

/* What is lost is counted, and what was sent is whole. */
static void check_fault(const Fault *row)
{
    Flood flood = {.may_be_off = true};
    Writer writers[MAX_CPUS];
    Received received[MAX_CPUS] = {{.last = -1}, {.last = -1}};
    const TraceCpuStats *stats;
    guint cpu_count;

    fault = row;
    is_due = false;
    flood_init(&flood, 5);
    read_until_ready(&flood);
    start_writers(&flood, writers, 2000);
    is_due = true;
    end_flood(&flood, writers);
    while (read_some(&flood)) {
        /* until the end */
    }
    g_thread_join(flood.thread);
    fault = NULL;
    g_test_message("%s %d: %s", row->is_write ? "write" : "read", row->code,
                   flood.error ? flood.error->message : "complete");
    g_assert_cmpint(flood.ok, ==, !row->expected);
    g_assert_cmpint(!flood.error, ==, !row->expected);
    g_assert_true(!row->expected ||
                  strstr(flood.error->message, row->expected));
    stats = take_stream(&flood, received);
    g_assert_cmpint(!stats, ==, row->expected != NULL);
    stats = recorder_cpu_stats(flood.recorder, &cpu_count);
    for (guint i = 0; i < writer_count(); i++) {
        g_assert_cmpuint(stats[i].read_events, >=, received[i].events);
        if (!row->expected) {
            g_assert_cmpuint(received[i].events + lost_events(&stats[i]), ==,
                             2000);
        }
    }
    flood_clear(&flood);
}

static void test_faults(void)
{
    static const Fault faults[] = {
        {.is_write = true, .code = 0},
        {.is_write = true, .code = 0, .is_forever = true},
        {.is_write = true, .code = EAGAIN},
        {.is_write = true, .code = EINTR},
        {.is_write = true, .code = EIO, .expected = "the pipe: Input/output"},
        {.is_write = true, .code = EPIPE, .expected = "the pipe: Broken pipe"},
        {.is_write = true, .code = ENOSPC, .expected = "the pipe: No space"},
        {.code = 0},
        {.code = 0, .is_forever = true},
        {.code = EINTR},
        {.code = EAGAIN},
        {.code = EIO, .expected = "/trace_pipe_raw: Input/output error"},
        {.code = EBADF, .expected = "/trace_pipe_raw: Bad file descriptor"},
        {.code = ENODEV, .is_forever = true},
    };

    for (size_t i = 0; can_record() && i < G_N_ELEMENTS(faults); i++) {
        check_fault(&faults[i]);
    }
}

static void test_bad_options(void)
{
    char *unknown[] = {(char *)"nosuch:event", NULL};
    char *sched[] = {(char *)"sched", NULL};
    char *bad_filter[] = {(char *)"sched_switch:nosuch==1", NULL};
    const RecorderOptions options[] = {
        {.events = unknown},  {.events = sched, .filters = bad_filter},
        {.tracer = "nosuch"}, {.functions = sched},
        {.cpumask = "zz"},
    };

    if (!can_record()) {
        return;
    }
    for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
        RecorderOptions bad = options[i];
        g_autoptr(GError) error = NULL;

        bad.instance = "test-recorder-bad";
        bad.buffer_kib = 64;
        g_assert_null(recorder_new(&bad, STDOUT_FILENO, "stdout", &error));
        g_assert_nonnull(error);
        g_assert_false(g_file_test(TRACING_DIR "/instances/test-recorder-bad",
                                   G_FILE_TEST_EXISTS));
    }
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/recorder/no-loss", test_no_loss);
    g_test_add_func("/recorder/top-markers", test_top_markers);
    g_test_add_func("/recorder/paused-reader", test_paused_reader);
    g_test_add_func("/recorder/default-events", test_default_events);
    g_test_add_func("/recorder/clock-changed", test_clock_changed);
    g_test_add_func("/recorder/disturbed", test_disturbed);
    g_test_add_func("/recorder/held", test_held);
    g_test_add_func("/recorder/dead-reader", test_dead_reader);
    g_test_add_func("/recorder/reader-gone", test_reader_gone);
    g_test_add_func("/recorder/faults", test_faults);
    g_test_add_func("/recorder/bad-options", test_bad_options);
    return g_test_run();
}
