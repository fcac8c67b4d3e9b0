/*
 * make_dat(): a machine's stored stream becomes its trace.dat file.
 *
 * The summary comes back through a pipe from a process that has read hostile
 * bytes, so it is unpacked here as hostile once more.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "session/make-dat.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confine/confine.h"
#include "session/disk-reserve.h"
#include "trace-data/stream-to-dat.h"

#define MAX_NOTES      16
#define MAX_NOTE_BYTES 512
/* A second of processor time is enough for far more than this. */
#define STREAM_BYTES_PER_SECOND (UINT64_C(16) << 20)
#define MIN_CPU_SECONDS         60

/* The answer: this, then the CPUs, their stats, and the notes, each with NUL.
 */
typedef struct SummaryReply {
    uint64_t trace_id;
    uint64_t dat_bytes;
    TraceFreeze freeze;
    uint32_t cpu_count;
    uint32_t ended;
    uint32_t note_count;
    uint32_t notes_bytes;
} SummaryReply;

typedef struct Job {
    int stream_fd;
    int dat_fd;                /* -1: HELLO only */
    const DatOptions *options; /* NULL: HELLO only */
    const Limits *limits;
} Job;

static gboolean throw_errno(GError **error, const char *what, const char *dir,
                            const char *name)
{
    int code = errno;

    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(code),
                "Cannot %s %s/%s: %s.", what, dir, name, strerror(code));
    return FALSE;
}

/* In the confined process */

static void pack_summary(const StreamSummary *summary, GByteArray *reply)
{
    g_autoptr(GString) notes = g_string_new(NULL);
    SummaryReply head = {
        .trace_id = summary->hello.trace_id,
        .dat_bytes = summary->dat_bytes,
        .freeze = summary->freeze,
        .cpu_count = summary->cpus->len,
        .ended = summary->ended ? 1 : 0,
        .note_count = MIN(summary->notes->len, MAX_NOTES),
    };

    for (guint i = 0; i < head.note_count; i++) {
        const char *text = g_ptr_array_index(summary->notes, i);

        g_string_append_len(notes, text, (gssize)strnlen(text, MAX_NOTE_BYTES));
        g_string_append_c(notes, '\0');
    }
    head.notes_bytes = (uint32_t)notes->len;
    g_byte_array_append(reply, (const guint8 *)&head, sizeof(head));
    g_byte_array_append(reply, (const guint8 *)summary->cpus->data,
                        summary->cpus->len * sizeof(TraceHelloCpu));
    g_byte_array_append(reply, (const guint8 *)summary->stats->data,
                        summary->stats->len * sizeof(TraceCpuStats));
    g_byte_array_append(reply, (const guint8 *)notes->str, (guint)notes->len);
}

static gboolean run_job(gpointer data, GByteArray *reply, GError **error)
{
    const Job *job = data;
    g_autoptr(StreamSummary) summary = NULL;

    if (job->options) {
        summary = stream_to_dat(job->stream_fd, job->dat_fd, job->options,
                                job->limits, error);
    } else {
        summary = stream_read_hello(job->stream_fd, job->limits, error);
    }
    if (!summary) {
        return FALSE;
    }
    pack_summary(summary, reply);
    return TRUE;
}

/* In this process */

/* A piece of the answer, or NULL if it is not so long. */
static const uint8_t *take(const uint8_t **bytes, size_t *rest_bytes,
                           size_t size)
{
    const uint8_t *piece = *bytes;

    if (*rest_bytes < size) {
        return NULL;
    }
    *bytes += size;
    *rest_bytes -= size;
    return piece;
}

static gboolean check_cpus(const StreamSummary *summary)
{
    for (guint i = 0; i < summary->cpus->len; i++) {
        uint32_t cpu = g_array_index(summary->cpus, TraceHelloCpu, i).cpu;

        if (cpu >= TRACE_STREAM_MAX_CPUS ||
            g_array_index(summary->stats, TraceCpuStats, i).cpu != cpu) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean unpack_notes(StreamSummary *summary, const uint8_t *bytes,
                             size_t size, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        size_t length = strnlen((const char *)bytes, size);
        g_autofree char *text = g_strndup((const char *)bytes, length);

        if (length == size || length > MAX_NOTE_BYTES) {
            return FALSE;
        }
        for (char *p = text; *p; p++) {
            if (!g_ascii_isprint(*p)) {
                *p = '?';
            }
        }
        g_ptr_array_add(summary->notes, g_steal_pointer(&text));
        bytes += length + 1;
        size -= length + 1;
    }
    return size == 0;
}

/* NULL if it isn't one. */
static StreamSummary *unpack_summary(const GByteArray *reply)
{
    g_autoptr(StreamSummary) summary = stream_summary_new();
    const uint8_t *bytes = reply->data;
    size_t rest_bytes = reply->len;
    const uint8_t *piece = take(&bytes, &rest_bytes, sizeof(SummaryReply));
    SummaryReply head;

    if (!piece) {
        return NULL;
    }
    memcpy(&head, piece, sizeof(head));
    if (head.cpu_count == 0 || head.cpu_count > TRACE_STREAM_MAX_CPUS ||
        head.note_count > MAX_NOTES || head.ended > 1) {
        return NULL;
    }
    summary->hello.trace_id = head.trace_id;
    summary->dat_bytes = head.dat_bytes;
    summary->freeze = head.freeze;
    summary->ended = head.ended == 1;
    piece = take(&bytes, &rest_bytes, head.cpu_count * sizeof(TraceHelloCpu));
    if (!piece) {
        return NULL;
    }
    g_array_append_vals(summary->cpus, piece, head.cpu_count);
    piece = take(&bytes, &rest_bytes, head.cpu_count * sizeof(TraceCpuStats));
    if (!piece) {
        return NULL;
    }
    g_array_append_vals(summary->stats, piece, head.cpu_count);
    if (!check_cpus(summary) || rest_bytes != head.notes_bytes ||
        !unpack_notes(summary, bytes, rest_bytes, head.note_count)) {
        return NULL;
    }
    return g_steal_pointer(&summary);
}

static StreamSummary *run_confined(Job *job, const char *stream_name,
                                   uint64_t stream_bytes,
                                   ConfineMissing *missing, GError **error)
{
    int fds[] = {job->stream_fd, job->dat_fd};
    ConfineOptions options;

    confine_options_init(&options, stream_name);
    options.advice = LIMITS_MAKE_ADVICE;
    options.fds = fds;
    options.fd_count = job->options ? 2 : 1;
    options.memory_bytes = job->limits->make_memory_bytes;
    confine_options_set_time(
        &options,
        limit_or(job->limits->cpu_s,
                 MIN_CPU_SECONDS + stream_bytes / STREAM_BYTES_PER_SECOND));
    if (job->options) {
        options.file_bytes = stream_max_dat_bytes(stream_bytes, job->limits) +
                             2 * job->limits->text_bytes;
    }

    g_autoptr(GByteArray) reply =
        confine_run(&options, run_job, job, missing, error);

    if (!reply) {
        g_prefix_error(error, "%s: ", stream_name);
        return NULL;
    }

    StreamSummary *summary = unpack_summary(reply);

    if (!summary) {
        g_set_error(error, CONFINE_ERROR, CONFINE_ERROR_REPLY,
                    "%s: the process that read it gave no proper answer; it "
                    "may be an attack, keep it for a bug report.",
                    stream_name);
    }
    return summary;
}

/* Session names are checked when they are loaded, but the way is short. */
static gboolean check_name(const char *name, GError **error)
{
    if (!name || !*name || *name == '.' || strchr(name, '/')) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "\"%s\" is not a plain file name.", name ? name : "");
        return FALSE;
    }
    return TRUE;
}

static int open_dir(const char *dir, GError **error)
{
    int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        throw_errno(error, "open", dir, "");
    }
    return fd;
}

/* O_NONBLOCK: a FIFO in its place must not hold us up. */
static int open_stream(int dir_fd, const char *dir, const char *name,
                       struct stat *info, GError **error)
{
    int fd = openat(dir_fd, name,
                    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 || fstat(fd, info) < 0) {
        throw_errno(error, "open", dir, name);
        goto fail;
    }
    if (!S_ISREG(info->st_mode)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "%s/%s is not a plain file: it cannot be a stream.", dir,
                    name);
        goto fail;
    }
    return fd;

fail:
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

/* The new file belongs to whom the stream belongs to. */
static int create_dat(int dir_fd, const char *dir, const char *name,
                      const struct stat *stream, GError **error)
{
    int fd;

    if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT) {
        throw_errno(error, "replace", dir, name);
        return -1;
    }
    fd = openat(dir_fd, name,
                O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        throw_errno(error, "create", dir, name);
        return -1;
    }
    if ((geteuid() == 0 && fchown(fd, stream->st_uid, stream->st_gid) < 0) ||
        fchmod(fd, stream->st_mode & 0666) < 0) {
        throw_errno(error, "set the owner of", dir, name);
        close(fd);
        unlinkat(dir_fd, name, 0);
        return -1;
    }
    return fd;
}

/* Made again, a file has the same notes: once is enough. */
static void add_note(SessionMachine *machine, const char *text)
{
    for (guint i = 0; i < machine->notes->len; i++) {
        if (g_str_equal(g_ptr_array_index(machine->notes, i), text)) {
            return;
        }
    }
    g_ptr_array_add(machine->notes, g_strdup(text));
}

static void fill_machine(SessionMachine *machine, const StreamSummary *summary,
                         ConfineMissing missing)
{
    g_autofree char *wall = confine_describe_missing(missing);

    machine->ended = summary->ended;
    if (summary->freeze.cause <= TRACE_FREEZE_MARKER) {
        machine->freeze = summary->freeze;
    }
    g_array_set_size(machine->cpus, 0);
    for (guint i = 0; i < summary->stats->len; i++) {
        const TraceCpuStats *stats =
            &g_array_index(summary->stats, TraceCpuStats, i);
        SessionCpu cpu = {
            .cpu = stats->cpu,
            .read_events = stats->read_events,
            .overrun_events = stats->overrun_events,
            .dropped_events =
                stats->dropped_events + stats->commit_overrun_events,
            .unread_events = stats->unread_events,
            .pages = stats->pages,
        };

        g_array_append_val(machine->cpus, cpu);
    }
    for (guint i = 0; i < summary->notes->len; i++) {
        add_note(machine, g_ptr_array_index(summary->notes, i));
    }
    if (wall) {
        add_note(machine, wall);
    }
}

/* session.json keeps trace ids below 2^63. */
static uint64_t session_trace_id(uint64_t trace_id)
{
    return trace_id & INT64_MAX;
}

static void give_cpus(const StreamSummary *summary, GArray **hello_cpus)
{
    if (hello_cpus) {
        *hello_cpus = g_array_ref(summary->cpus);
    }
}

gboolean make_dat_peek(const char *dir, SessionMachine *machine,
                       const Limits *limits, GArray **hello_cpus,
                       GError **error)
{
    g_autoptr(StreamSummary) summary = NULL;
    ConfineMissing missing;
    struct stat info;
    Job job = {.dat_fd = -1, .limits = limits};
    int dir_fd;

    if (!check_name(machine->stream_file, error)) {
        return FALSE;
    }
    dir_fd = open_dir(dir, error);
    if (dir_fd < 0) {
        return FALSE;
    }
    job.stream_fd =
        open_stream(dir_fd, dir, machine->stream_file, &info, error);
    close(dir_fd);
    if (job.stream_fd < 0) {
        return FALSE;
    }
    summary = run_confined(&job, machine->stream_file, (uint64_t)info.st_size,
                           &missing, error);
    close(job.stream_fd);
    if (!summary) {
        return FALSE;
    }
    machine->trace_id = session_trace_id(summary->hello.trace_id);
    give_cpus(summary, hello_cpus);
    return TRUE;
}

/* From the stream to the file under its temporary name. */
static StreamSummary *write_dat(int dir_fd, const char *dir,
                                const char *stream_name, const char *tmp_name,
                                const DatOptions *options, const Limits *limits,
                                ConfineMissing *missing, GError **error)
{
    StreamSummary *summary = NULL;
    struct stat info;
    Limits own = *limits;
    Job job = {.options = options, .limits = &own};

    job.stream_fd = open_stream(dir_fd, dir, stream_name, &info, error);
    if (job.stream_fd < 0) {
        return NULL;
    }
    job.dat_fd = create_dat(dir_fd, dir, tmp_name, &info, error);
    if (job.dat_fd >= 0) {
        if (limits->keep_free_bytes > 0) {
            own.output_bytes = disk_reserve_room(job.dat_fd, limits);
        }
        summary = run_confined(&job, stream_name, (uint64_t)info.st_size,
                               missing, error);
        if (close(job.dat_fd) < 0 && summary) {
            throw_errno(error, "write", dir, tmp_name);
            g_clear_pointer(&summary, stream_summary_free);
        }
        if (!summary) {
            unlinkat(dir_fd, tmp_name, 0);
        }
    }
    close(job.stream_fd);
    return summary;
}

gboolean make_dat(const char *dir, SessionMachine *machine,
                  const DatOptions *options, const Limits *limits,
                  GArray **hello_cpus, GError **error)
{
    g_autoptr(StreamSummary) summary = NULL;
    g_autofree char *dat_name = machine->dat_file
                                    ? g_strdup(machine->dat_file)
                                    : g_strdup_printf("%s.dat", machine->name);
    g_autofree char *tmp_name = g_strdup_printf("%s.tmp", dat_name);
    ConfineMissing missing = 0;
    gboolean renamed;
    int dir_fd;

    if (!check_name(machine->stream_file, error) ||
        !check_name(dat_name, error)) {
        return FALSE;
    }
    dir_fd = open_dir(dir, error);
    if (dir_fd < 0) {
        return FALSE;
    }
    summary = write_dat(dir_fd, dir, machine->stream_file, tmp_name, options,
                        limits, &missing, error);
    renamed = summary && renameat(dir_fd, tmp_name, dir_fd, dat_name) == 0;
    if (summary && !renamed) {
        throw_errno(error, "rename to", dir, dat_name);
        unlinkat(dir_fd, tmp_name, 0);
    }
    close(dir_fd);
    if (!renamed) {
        return FALSE;
    }
    machine->trace_id = session_trace_id(summary->hello.trace_id);
    g_free(machine->dat_file);
    machine->dat_file = g_steal_pointer(&dat_name);
    fill_machine(machine, summary, missing);
    give_cpus(summary, hello_cpus);
    return TRUE;
}
