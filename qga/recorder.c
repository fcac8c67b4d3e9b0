/*
 * Recorder: one machine's recording, from its kernel's ring buffer to a file
 * descriptor, as a trace stream.
 *
 * One thread, one epoll.  Descriptors are armed for one event at a time
 * (EPOLLONESHOT): a CPU only when its buffer gave whole pages, the output only
 * while it is blocked.  So an output that hangs up, or a kernel whose poll
 * knows no buffer_percent, can't make the loop spin; what is not armed is
 * looked at on the next tick.
 *
 * Pages are read(2), not spliced or mapped, by measurement (bench-pages in
 * tests/lab): with Linux 6.12, in thousands of guest instructions for each MiB,
 * 978 for read, 4884 for splice with the stream's headers (1579 without any, as
 * virtio-console copies a page that is spliced into it), 3138 for the mapped
 * ring buffer, whose kernel side walks through every event; see
 * docs/trace-stream.md, "How pages reach the port".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "recorder.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <x86intrin.h>

#include "buffer-stats.h"
#include "capture.h"
#include "grace-period.h"
#include "metadata.h"
#include "stream-encoder.h"
#include "trace-error.h"

/* Also the most that a page waits in the kernel on a quiet CPU. */
#define TICK_US       (1 * G_USEC_PER_SEC)
#define STAGING_BYTES (512u << 10)
/*
 * The most to write at once.  virtio-serial takes 32 KiB at a time, and tells
 * the hypervisor of each: a few bytes more would be one more exit.
 */
#define WRITE_BYTES (64u << 10)
/* How long the reader may take to accept the metadata, with tracing off. */
#define START_TIMEOUT_US (15 * G_USEC_PER_SEC)
/* For END, once the drain timeout has passed. */
#define END_GRACE_US (1 * G_USEC_PER_SEC)

/* Pages of each CPU between two looks at the stop descriptor. */
#define ROUNDS 64
/* CPUs whose counts are told on one tick: a file of the kernel's for each. */
#define SIGNS_PER_TICK 8

#define EPOLL_OUTPUT UINT32_MAX
#define EPOLL_STOP   (UINT32_MAX - 1)

typedef struct CpuReader {
    guint cpu;
    int fd;
    bool ready;            /* may have pages */
    bool armed;            /* epoll will tell */
    bool whole_pages;      /* gave some since it was last armed */
    guint64 unsent_events; /* read, then taken back from the encoder */
} CpuReader;

typedef enum RecorderPhase {
    RECORDER_NEW,
    RECORDER_STARTING,
    RECORDER_RECORDING,
    RECORDER_ENDING,
} RecorderPhase;

struct Recorder {
    Capture *capture;
    StreamEncoder *encoder;
    RecorderCallbacks callbacks;
    RecorderPhase phase;
    int out_fd;
    char *out_name;
    int stop_fd;
    int epoll_fd;
    bool out_pollable; /* false: a regular file, which never blocks */
    bool out_blocked;
    gint64 deadline_us; /* for what is sent while tracing is off */
    guint drain_timeout_s;
    bool is_held;
    TraceFreezeCause cause;
    GError *disturbance; /* what somebody else did to the instance, or NULL */
    bool is_clock_lost;  /* that was to set another clock */
    guint next_sign; /* index of the CPU whose counts were not told longest */
    guint64 trace_id;
    CpuReader *readers;
    TraceCpuStats *stats;
    guint cpu_count;
};

typedef enum PumpResult {
    PUMP_EMPTY,   /* nothing more to read now */
    PUMP_BLOCKED, /* the output takes no more */
    PUMP_FAILED,
} PumpResult;

/* Setting up */

static void init_readers(Recorder *recorder)
{
    const GArray *cpus = capture_cpus(recorder->capture);

    recorder->cpu_count = cpus->len;
    recorder->readers = g_new0(CpuReader, cpus->len);
    recorder->stats = g_new0(TraceCpuStats, cpus->len);
    for (guint i = 0; i < cpus->len; i++) {
        guint cpu = g_array_index(cpus, TraceHelloCpu, i).cpu;

        recorder->readers[i] = (CpuReader){.cpu = cpu, .fd = -1};
        recorder->stats[i].cpu = cpu;
    }
}

static bool watch(Recorder *recorder, int op, int fd, uint32_t events,
                  uint32_t which)
{
    struct epoll_event event = {.events = events, .data.u32 = which};

    return epoll_ctl(recorder->epoll_fd, op, fd, &event) == 0;
}

static bool open_readers(Recorder *recorder, GError **error)
{
    for (guint i = 0; i < recorder->cpu_count; i++) {
        CpuReader *reader = &recorder->readers[i];

        reader->fd = capture_open_pages(recorder->capture, reader->cpu, error);
        if (reader->fd < 0) {
            return false;
        }
        if (!watch(recorder, EPOLL_CTL_ADD, reader->fd, EPOLLONESHOT, i)) {
            return trace_throw(error, "cannot poll the pages of CPU %u: %s",
                               reader->cpu, g_strerror(errno));
        }
    }
    return true;
}

static bool open_epoll(Recorder *recorder, GError **error)
{
    recorder->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (recorder->epoll_fd < 0) {
        return trace_throw(error, "cannot create an epoll: %s",
                           g_strerror(errno));
    }
    recorder->out_pollable = watch(recorder, EPOLL_CTL_ADD, recorder->out_fd,
                                   EPOLLONESHOT, EPOLL_OUTPUT);
    if (!recorder->out_pollable && errno != EPERM) {
        return trace_throw(error, "cannot poll %s: %s", recorder->out_name,
                           g_strerror(errno));
    }
    return true;
}

Recorder *recorder_new(const RecorderOptions *options, int out_fd,
                       const char *out_name, GError **error)
{
    g_autoptr(Recorder) recorder = g_new0(Recorder, 1);
    gsize page_bytes;

    recorder->out_fd = out_fd;
    recorder->out_name = g_strdup(out_name);
    recorder->epoll_fd = -1;
    recorder->drain_timeout_s = options->drain_timeout_s;
    recorder->is_held = options->is_held;
    while (recorder->trace_id == 0) {
        if (getrandom(&recorder->trace_id, sizeof(recorder->trace_id), 0) < 0) {
            recorder->trace_id = g_get_real_time();
        }
    }
    recorder->capture = capture_new(options, error);
    if (!recorder->capture) {
        return NULL;
    }
    page_bytes = capture_page_layout(recorder->capture)->page_bytes;
    recorder->encoder = stream_encoder_new(out_fd, out_name,
                                           MAX(STAGING_BYTES, 4 * page_bytes));
    init_readers(recorder);
    if (!open_epoll(recorder, error) || !open_readers(recorder, error)) {
        return NULL;
    }
    return g_steal_pointer(&recorder);
}

void recorder_free(Recorder *recorder)
{
    if (!recorder) {
        return;
    }
    for (guint i = 0; i < recorder->cpu_count; i++) {
        if (recorder->readers[i].fd >= 0) {
            close(recorder->readers[i].fd);
        }
    }
    if (recorder->epoll_fd >= 0) {
        close(recorder->epoll_fd);
    }
    /* After the pages' descriptors: they keep the instance busy. */
    capture_free(recorder->capture);
    stream_encoder_free(recorder->encoder);
    g_clear_error(&recorder->disturbance);
    g_free(recorder->readers);
    g_free(recorder->stats);
    g_free(recorder->out_name);
    g_free(recorder);
}

guint64 recorder_sent_bytes(const Recorder *recorder)
{
    return stream_encoder_sent_bytes(recorder->encoder);
}

const TraceCpuStats *recorder_cpu_stats(const Recorder *recorder,
                                        guint *cpu_count)
{
    *cpu_count = recorder->cpu_count;
    return recorder->stats;
}

const char *const *recorder_missing_events(const Recorder *recorder)
{
    return capture_missing_events(recorder->capture);
}

void recorder_mark(Recorder *recorder, const char *text)
{
    capture_mark(recorder->capture, text);
}

const char *recorder_instance_dir(const Recorder *recorder)
{
    return capture_dir(recorder->capture);
}

guint64 recorder_trace_id(const Recorder *recorder)
{
    return recorder->trace_id;
}

/* Sending while tracing is off: may wait, until deadline_us */

static bool throw_hung_up(const Recorder *recorder, GError **error)
{
    return trace_throw(error,
                       "nobody reads %s on the host any more: the recording "
                       "ends here, its stream cut short",
                       recorder->out_name);
}

/* Whether to go on, now that the stop descriptor is readable. */
static bool wake(Recorder *recorder)
{
    const RecorderCallbacks *callbacks = &recorder->callbacks;

    recorder->cause = callbacks->wake
                          ? callbacks->wake(recorder, callbacks->data)
                          : TRACE_FREEZE_SIGNAL;
    return recorder->cause == TRACE_FREEZE_NONE;
}

static bool wait_output(Recorder *recorder, GError **error)
{
    gint64 left_us = recorder->deadline_us - g_get_monotonic_time();
    bool starting = recorder->phase == RECORDER_STARTING;
    struct pollfd fds[] = {
        {.fd = recorder->out_fd, .events = POLLOUT},
        {.fd = starting ? recorder->stop_fd : -1, .events = POLLIN},
    };

    if (left_us <= 0) {
        return trace_throw(error,
                           "the host does not read %s: the stream could not "
                           "be %s in time",
                           recorder->out_name, starting ? "begun" : "ended");
    }
    if (poll(fds, 2, left_us / 1000 + 1) < 0 && errno != EINTR) {
        return trace_throw(error, "cannot poll %s: %s", recorder->out_name,
                           g_strerror(errno));
    }
    if (fds[1].revents && !wake(recorder)) {
        return trace_throw(error, "stopped before the recording began");
    }
    if (fds[0].revents & (POLLHUP | POLLERR)) {
        return throw_hung_up(recorder, error);
    }
    return true;
}

/* Writes what is staged, waiting for the reader. */
static bool flush_waiting(Recorder *recorder, GError **error)
{
    for (;;) {
        switch (stream_encoder_flush(recorder->encoder, error)) {
        case STREAM_FLUSH_DONE:
            return true;
        case STREAM_FLUSH_FAILED:
            return false;
        case STREAM_FLUSH_BLOCKED:
            if (!wait_output(recorder, error)) {
                return false;
            }
        }
    }
}

static bool send_frame(Recorder *recorder, TraceFrameType type,
                       const struct iovec *parts, guint part_count,
                       GError **error)
{
    while (!stream_encoder_add(recorder->encoder, type, TRACE_STREAM_NO_CPU,
                               parts, part_count)) {
        if (!flush_waiting(recorder, error)) {
            return false;
        }
    }
    return true;
}

static bool send_metadata(TraceMetaKind kind, const char *name,
                          const void *piece, gsize piece_bytes, gpointer data,
                          GError **error)
{
    TraceMeta meta = {
        .kind = kind,
        .name_bytes = name ? strlen(name) + 1 : 0,
    };
    struct iovec parts[] = {
        {&meta, sizeof(meta)},
        {(void *)name, meta.name_bytes},
        {(void *)piece, piece_bytes},
    };

    return send_frame(data, TRACE_FRAME_META, parts, G_N_ELEMENTS(parts),
                      error);
}

static bool send_hello(Recorder *recorder, GError **error)
{
    const RingPageLayout *layout = capture_page_layout(recorder->capture);
    g_autofree char *boot_id = NULL;
    struct utsname uts;
    TraceHello hello = {
        .version = TRACE_STREAM_VERSION,
        .page_bytes = layout->page_bytes,
        .cpu_count = recorder->cpu_count,
        .long_bytes = layout->commit_bytes,
        .trace_id = recorder->trace_id,
        .clock = "x86-tsc",
    };
    struct iovec parts[] = {
        {&hello, sizeof(hello)},
        {capture_cpus(recorder->capture)->data,
         recorder->cpu_count * sizeof(TraceHelloCpu)},
    };

    if (g_file_get_contents("/proc/sys/kernel/random/boot_id", &boot_id, NULL,
                            NULL)) {
        g_strlcpy(hello.boot_id, g_strchomp(boot_id), sizeof(hello.boot_id));
    }
    if (uname(&uts) == 0) {
        g_strlcpy(hello.release, uts.release, sizeof(hello.release));
        g_strlcpy(hello.hostname, uts.nodename, sizeof(hello.hostname));
    }
    return send_frame(recorder, TRACE_FRAME_HELLO, parts, G_N_ELEMENTS(parts),
                      error);
}

/* Moving pages: never waits */

static PumpResult flush_staged(Recorder *recorder, GError **error)
{
    switch (stream_encoder_flush(recorder->encoder, error)) {
    case STREAM_FLUSH_DONE:
        recorder->out_blocked = false;
        return PUMP_EMPTY;
    case STREAM_FLUSH_BLOCKED:
        recorder->out_blocked = true;
        return PUMP_BLOCKED;
    default:
        return PUMP_FAILED;
    }
}

/*
 * While recording, a page that is not even half full is the one being written:
 * reading on would only find the events that our own reading causes.
 */
static void note_page(const Recorder *recorder, CpuReader *reader,
                      TraceCpuStats *stats, guint used_bytes)
{
    const RingPageLayout *layout = capture_page_layout(recorder->capture);

    stats->pages++;
    if (used_bytes >= layout->page_bytes / 2) {
        reader->whole_pages = true;
    } else if (recorder->phase == RECORDER_RECORDING) {
        reader->ready = false;
    }
}

static PumpResult throw_unread(const Recorder *recorder,
                               const CpuReader *reader, GError **error)
{
    int code = errno;

    trace_throw(error, "cannot read %s/per_cpu/cpu%u/trace_pipe_raw: %s",
                recorder_instance_dir(recorder), reader->cpu, g_strerror(code));
    return PUMP_FAILED;
}

/*
 * The kernel hands out the rest of a page before the next one, so that what
 * was read in part must be read to its end.  Returns how much of it came.
 */
static ssize_t read_rest(const CpuReader *reader, char *page, ssize_t bytes,
                         guint page_bytes)
{
    while (bytes > 0 && bytes < (ssize_t)page_bytes) {
        ssize_t more = read(reader->fd, page + bytes, page_bytes - bytes);

        if (more == 0) {
            errno = EIO; /* there is no page of that size */
            break;
        }
        if (more < 0 && errno != EINTR) {
            break;
        }
        bytes += MAX(more, 0);
    }
    return bytes;
}

/* Reads one page; the reader is no longer ready when there is none. */
static PumpResult read_page(Recorder *recorder, guint index, GError **error)
{
    const RingPageLayout *layout = capture_page_layout(recorder->capture);
    CpuReader *reader = &recorder->readers[index];
    PumpResult result = PUMP_EMPTY;
    ssize_t bytes;
    guint used_bytes;
    void *page;

    while (!(
        page = stream_encoder_reserve(recorder->encoder, layout->page_bytes))) {
        result = flush_staged(recorder, error);
        if (result != PUMP_EMPTY) {
            return result;
        }
    }
    bytes = read(reader->fd, page, layout->page_bytes);
    if (bytes < 0 && errno == EINTR) {
        return PUMP_EMPTY;
    }
    if (bytes < 0 && errno != EAGAIN && errno != EINVAL && errno != ENODEV) {
        return throw_unread(recorder, reader, error);
    }
    /* Other errors than EAGAIN: a CPU that was never online has no buffer. */
    if (bytes < (ssize_t)layout->data_offset_bytes) {
        reader->ready = false;
        return PUMP_EMPTY;
    }
    bytes = read_rest(reader, page, bytes, layout->page_bytes);
    memset((char *)page + bytes, 0, layout->page_bytes - bytes);
    used_bytes = ring_page_used_bytes(layout, page);
    if (used_bytes > bytes) {
        return throw_unread(recorder, reader, error);
    }
    note_page(recorder, reader, &recorder->stats[index], used_bytes);
    stream_encoder_commit(recorder->encoder, TRACE_FRAME_PAGE, reader->cpu,
                          used_bytes);
    if (stream_encoder_pending_bytes(recorder->encoder) +
            sizeof(TraceFrameHeader) + layout->page_bytes >
        WRITE_BYTES) {
        result = flush_staged(recorder, error);
    }
    return result;
}

/*
 * One page of each CPU in turn, until all are empty, the output blocks, or
 * @max_rounds are done.
 */
static PumpResult pump_pages(Recorder *recorder, guint max_rounds,
                             GError **error)
{
    bool any = true;

    for (guint round = 0; any && round < max_rounds; round++) {
        any = false;
        for (guint i = 0; i < recorder->cpu_count; i++) {
            PumpResult result;

            if (!recorder->readers[i].ready) {
                continue;
            }
            any = true;
            result = read_page(recorder, i, error);
            if (result != PUMP_EMPTY) {
                return result;
            }
        }
    }
    return flush_staged(recorder, error);
}

static bool is_any_ready(const Recorder *recorder)
{
    for (guint i = 0; i < recorder->cpu_count; i++) {
        if (recorder->readers[i].ready) {
            return true;
        }
    }
    return false;
}

static void set_all_ready(Recorder *recorder)
{
    for (guint i = 0; i < recorder->cpu_count; i++) {
        recorder->readers[i].ready = true;
    }
}

static bool fill_stats(Recorder *recorder, guint index, GError **error)
{
    const CpuReader *reader = &recorder->readers[index];
    TraceCpuStats *stats = &recorder->stats[index];
    BufferStats kernel;

    if (!buffer_stats_read(recorder_instance_dir(recorder), reader->cpu,
                           &kernel, error)) {
        return false;
    }
    stats->read_events = kernel.read - reader->unsent_events;
    stats->overrun_events = kernel.overrun;
    stats->commit_overrun_events = kernel.commit_overrun;
    stats->dropped_events = kernel.dropped;
    stats->unread_events = kernel.entries + reader->unsent_events;
    return true;
}

/*
 * Tells the host how it goes, by the counts of a few CPUs in turn, and that
 * this recorder lives.
 */
static bool send_signs(Recorder *recorder, GError **error)
{
    guint count = MIN(recorder->cpu_count, SIGNS_PER_TICK);

    for (guint n = 0; n < count; n++) {
        guint i = recorder->next_sign;
        struct iovec part = {&recorder->stats[i], sizeof(TraceCpuStats)};

        recorder->next_sign = (i + 1) % recorder->cpu_count;
        if (!fill_stats(recorder, i, error)) {
            return false;
        }
        if (!stream_encoder_add(recorder->encoder, TRACE_FRAME_LOSS,
                                recorder->readers[i].cpu, &part, 1)) {
            break;
        }
    }
    return true;
}

/* Recording */

void recorder_hold(Recorder *recorder)
{
    recorder->is_held = true;
    for (guint i = 0; i < recorder->cpu_count; i++) {
        recorder->readers[i].ready = false;
    }
}

static void arm(Recorder *recorder, bool is_tick)
{
    for (guint i = 0; i < recorder->cpu_count; i++) {
        CpuReader *reader = &recorder->readers[i];

        if (!reader->armed && !recorder->is_held &&
            (reader->whole_pages || is_tick)) {
            reader->whole_pages = false;
            reader->armed = watch(recorder, EPOLL_CTL_MOD, reader->fd,
                                  EPOLLIN | EPOLLONESHOT, i);
        }
    }
}

/* Returns false, without an error, when it is time to stop. */
static bool handle_events(Recorder *recorder, const struct epoll_event *events,
                          int count, GError **error)
{
    bool go_on = true;

    for (int i = 0; i < count; i++) {
        uint32_t which = events[i].data.u32;

        if (which == EPOLL_STOP) {
            go_on = wake(recorder);
        } else if (which != EPOLL_OUTPUT) {
            recorder->readers[which].armed = false;
            recorder->readers[which].ready = !recorder->is_held;
        } else if (events[i].events & (EPOLLHUP | EPOLLERR)) {
            return throw_hung_up(recorder, error);
        } else {
            recorder->out_blocked = false;
            /* From now on for a hang-up only. */
            watch(recorder, EPOLL_CTL_MOD, recorder->out_fd, EPOLLONESHOT,
                  EPOLL_OUTPUT);
        }
    }
    return go_on;
}

static bool wait_events(Recorder *recorder, gint64 tick_us, GError **error)
{
    struct epoll_event events[16];
    gint64 left_us = MAX(tick_us - g_get_monotonic_time(), 0);
    bool has_work = !recorder->out_blocked && is_any_ready(recorder);
    int count = epoll_wait(recorder->epoll_fd, events, G_N_ELEMENTS(events),
                           has_work ? 0 : left_us / 1000 + 1);

    if (count < 0 && errno != EINTR) {
        return trace_throw(error, "cannot wait for pages: %s",
                           g_strerror(errno));
    }
    return handle_events(recorder, events, count, error);
}

static bool tick(Recorder *recorder, GError **error)
{
    if (!recorder->is_held) {
        set_all_ready(recorder);
    }
    if (!send_signs(recorder, error)) {
        return false;
    }
    if (recorder->callbacks.tick) {
        recorder->callbacks.tick(recorder, recorder->callbacks.data);
    }
    return true;
}

/*
 * Whoever sets another clock empties the buffers by that, and what they have
 * after it bears times that nobody can place: it must not be read.
 */
static bool has_clock(Recorder *recorder)
{
    if (!recorder->is_clock_lost &&
        !capture_check_clock(recorder->capture, recorder->disturbance
                                                    ? NULL
                                                    : &recorder->disturbance)) {
        recorder->is_clock_lost = true;
    }
    return !recorder->is_clock_lost;
}

static bool pump_recording(Recorder *recorder, bool is_tick, GError **error)
{
    switch (pump_pages(recorder, ROUNDS, error)) {
    case PUMP_FAILED:
        return false;
    case PUMP_BLOCKED:
        if (!watch(recorder, EPOLL_CTL_MOD, recorder->out_fd,
                   EPOLLOUT | EPOLLONESHOT, EPOLL_OUTPUT)) {
            return trace_throw(error, "cannot poll %s: %s", recorder->out_name,
                               g_strerror(errno));
        }
        return true;
    default:
        arm(recorder, is_tick);
        return true;
    }
}

static bool record_until_stop(Recorder *recorder, GError **error)
{
    gint64 tick_us = g_get_monotonic_time() + TICK_US;
    GError *failure = NULL;

    arm(recorder, true);
    while (wait_events(recorder, tick_us, &failure)) {
        bool is_tick = g_get_monotonic_time() >= tick_us;

        if ((is_tick || is_any_ready(recorder)) && !has_clock(recorder)) {
            break;
        }
        if (is_tick) {
            tick_us = g_get_monotonic_time() + TICK_US;
            if (!tick(recorder, &failure)) {
                break;
            }
        }
        if (!recorder->out_blocked &&
            !pump_recording(recorder, is_tick, &failure)) {
            break;
        }
    }
    if (failure) {
        g_propagate_error(error, failure);
        return false;
    }
    return true;
}

/* Ending */

static void take_back_frame(const TraceFrameHeader *header, const void *payload,
                            gpointer data)
{
    Recorder *recorder = data;

    for (guint i = 0; header->type == TRACE_FRAME_PAGE; i++) {
        if (recorder->readers[i].cpu == header->cpu) {
            recorder->readers[i].unsent_events +=
                ring_page_count_events(capture_page_layout(recorder->capture),
                                       payload, header->length_bytes);
            recorder->stats[i].pages--;
            break;
        }
    }
}

/* Sends what is in the buffers; false without an error: not all in time. */
static bool drain(Recorder *recorder, GError **error)
{
    set_all_ready(recorder);
    for (;;) {
        PumpResult result = pump_pages(recorder, G_MAXUINT, error);

        if (result != PUMP_BLOCKED) {
            return result == PUMP_EMPTY;
        }
        if (g_get_monotonic_time() >= recorder->deadline_us ||
            !wait_output(recorder, error)) {
            return false;
        }
    }
}

static bool send_totals(Recorder *recorder, GError **error)
{
    struct iovec part = {recorder->stats,
                         recorder->cpu_count * sizeof(TraceCpuStats)};

    return send_frame(recorder, TRACE_FRAME_END, &part, 1, error) &&
           flush_waiting(recorder, error);
}

static bool send_end(Recorder *recorder, GError **error)
{
    return metadata_send_end(recorder->capture, send_metadata, recorder,
                             error) &&
           send_totals(recorder, error);
}

static bool fill_all_stats(Recorder *recorder, GError **error)
{
    for (guint i = 0; i < recorder->cpu_count; i++) {
        if (!fill_stats(recorder, i, error)) {
            return false;
        }
    }
    return true;
}

static void set_deadline(Recorder *recorder, gint64 timeout_us)
{
    recorder->deadline_us = g_get_monotonic_time() + timeout_us;
}

/* At once, before the buffers go out: the host freezes its own by it. */
static bool send_freeze(Recorder *recorder, const TraceFreeze *freeze,
                        GError **error)
{
    set_deadline(recorder, recorder->drain_timeout_s * G_USEC_PER_SEC);
    return send_metadata(TRACE_META_FREEZE, NULL, freeze, sizeof(*freeze),
                         recorder, error) &&
           flush_waiting(recorder, error);
}

/*
 * Past the drain timeout, what is not on its way yet is counted as unread, so
 * that the stream still ends properly if the reader takes a little more.
 */
static bool end_stream(Recorder *recorder, GError **error)
{
    g_autoptr(GError) late = NULL;

    /* An event that was being written as tracing went off is one of ours. */
    grace_period_wait();
    set_deadline(recorder, recorder->drain_timeout_s * G_USEC_PER_SEC);
    if (recorder->is_clock_lost) {
        /* The kernel's counts were reset, too: the last ones stay. */
        return send_end(recorder, error);
    }
    if (!drain(recorder, &late) && late &&
        g_get_monotonic_time() < recorder->deadline_us) {
        g_propagate_error(error, g_steal_pointer(&late));
        return false;
    }
    if (stream_encoder_pending_bytes(recorder->encoder) > 0) {
        stream_encoder_drop_unsent(recorder->encoder, take_back_frame,
                                   recorder);
        set_deadline(recorder, END_GRACE_US);
    }
    return fill_all_stats(recorder, error) && send_end(recorder, error);
}

/* When the stream can't be ended: count, and keep the first error. */
static void count_unsent(Recorder *recorder)
{
    stream_encoder_drop_unsent(recorder->encoder, take_back_frame, recorder);
    fill_all_stats(recorder, NULL);
}

static bool start(Recorder *recorder, GError **error)
{
    recorder->phase = RECORDER_STARTING;
    set_deadline(recorder, START_TIMEOUT_US);
    if (!watch(recorder, EPOLL_CTL_ADD, recorder->stop_fd, EPOLLIN,
               EPOLL_STOP)) {
        return trace_throw(error, "cannot poll the stop descriptor: %s",
                           g_strerror(errno));
    }
    return send_hello(recorder, error) &&
           metadata_send_start(recorder->capture, send_metadata, recorder,
                               error) &&
           flush_waiting(recorder, error);
}

/*
 * Events that somebody else kept from being recorded are counted nowhere.  Not
 * in a flight recording: there, tracing that goes off is what is waited for,
 * and the freeze must not wait.
 */
static void look_for_disturbance(Recorder *recorder)
{
    if (!recorder->is_held && recorder->cause != TRACE_FREEZE_TRACING_OFF &&
        recorder->cause != TRACE_FREEZE_TRACER) {
        capture_check_on(recorder->capture, &recorder->disturbance);
    }
}

static bool record(Recorder *recorder, GError **error)
{
    const RecorderCallbacks *callbacks = &recorder->callbacks;
    GError *failure = NULL;
    TraceFreeze freeze = {0};

    recorder->phase = RECORDER_RECORDING;
    if (!capture_start(recorder->capture, error)) {
        return false;
    }
    if (!callbacks->ready ||
        callbacks->ready(recorder, callbacks->data, &failure)) {
        record_until_stop(recorder, &failure);
    }
    recorder->phase = RECORDER_ENDING;
    look_for_disturbance(recorder);
    freeze.from_ticks = __rdtsc();
    capture_stop(recorder->capture, failure ? NULL : &failure);
    freeze.to_ticks = __rdtsc();
    capture_leave_marks(recorder->capture);
    freeze.cause = recorder->cause;
    if (has_clock(recorder) && !failure && recorder->is_held) {
        send_freeze(recorder, &freeze, &failure);
    }
    if (failure) {
        g_propagate_error(error, failure);
        return false;
    }
    if (callbacks->stopping) {
        callbacks->stopping(recorder, callbacks->data);
    }
    return true;
}

bool recorder_run(Recorder *recorder, int stop_fd,
                  const RecorderCallbacks *callbacks, GError **error)
{
    g_assert(recorder->phase == RECORDER_NEW);
    recorder->stop_fd = stop_fd;
    if (callbacks) {
        recorder->callbacks = *callbacks;
    }
    if (!start(recorder, error) || !record(recorder, error) ||
        !end_stream(recorder, error)) {
        count_unsent(recorder);
        return false;
    }
    if (recorder->disturbance) {
        /* The stream is whole, but not the recording. */
        g_propagate_error(error, g_steal_pointer(&recorder->disturbance));
        return false;
    }
    return true;
}
