/*
 * Metadata: the texts that a reader of ring-buffer pages needs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "trace-error.h"

/* Where texts go: the sink with its data, passed through as one. */
typedef struct MetadataTarget {
    MetadataSink sink;
    gpointer data;
} MetadataTarget;

typedef enum MetadataNeed { METADATA_REQUIRED, METADATA_OPTIONAL } MetadataNeed;

/* Fills @buffer unless the file ends; seq_files return less than asked for. */
static ssize_t read_piece(int fd, char *buffer, gsize size_bytes)
{
    gsize filled_bytes = 0;

    while (filled_bytes < size_bytes) {
        ssize_t bytes =
            read(fd, buffer + filled_bytes, size_bytes - filled_bytes);

        if (bytes < 0 && errno != EINTR) {
            return -1;
        }
        if (bytes == 0) {
            break;
        }
        filled_bytes += MAX(bytes, 0);
    }
    return filled_bytes;
}

static bool send_open_file(int fd, const char *path, TraceMetaKind kind,
                           const char *name, const MetadataTarget *target,
                           GError **error)
{
    g_autofree char *buffer = g_malloc(METADATA_PIECE_BYTES);
    ssize_t bytes;

    do {
        bytes = read_piece(fd, buffer, METADATA_PIECE_BYTES);
        if (bytes < 0) {
            return trace_throw(error, "cannot read %s: %s", path,
                               g_strerror(errno));
        }
        if (bytes > 0 &&
            !target->sink(kind, name, buffer, bytes, target->data, error)) {
            return false;
        }
    } while (bytes == METADATA_PIECE_BYTES);
    return true;
}

static bool send_file(const char *path, TraceMetaKind kind, const char *name,
                      MetadataNeed need, const MetadataTarget *target,
                      GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok;

    if (fd < 0) {
        return need == METADATA_OPTIONAL ||
               trace_throw(error, "cannot open %s: %s", path,
                           g_strerror(errno));
    }
    ok = send_open_file(fd, path, kind, name, target, error);
    close(fd);
    return ok;
}

static bool send_system_formats(const Capture *capture, const char *system,
                                const MetadataTarget *target, GError **error)
{
    g_autofree char *path =
        g_build_filename(capture_dir(capture), "events", system, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *event;

    while (dir && (event = g_dir_read_name(dir))) {
        g_autofree char *format = g_build_filename(path, event, "format", NULL);
        g_autofree char *name = g_strdup_printf("%s/%s", system, event);

        if (g_file_test(format, G_FILE_TEST_EXISTS) &&
            !send_file(format, TRACE_META_EVENT_FORMAT, name, METADATA_OPTIONAL,
                       target, error)) {
            return false;
        }
    }
    return true;
}

/*
 * Formats of the systems in use only: a kernel has two thousand events, and
 * reading them all would take longer than many a recording.  "ftrace" has
 * those of tracers and of trace_marker.
 */
static bool send_formats(const Capture *capture, const MetadataTarget *target,
                         GError **error)
{
    const GPtrArray *events = capture_events(capture);
    g_autofree char *last = g_strdup("ftrace");

    if (!send_system_formats(capture, last, target, error)) {
        return false;
    }
    for (guint i = 0; i < events->len; i++) {
        const char *event = g_ptr_array_index(events, i);
        g_autofree char *system = g_strndup(event, strchr(event, '/') - event);

        /* The events are sorted. */
        if (strcmp(system, last) != 0) {
            if (!send_system_formats(capture, system, target, error)) {
                return false;
            }
            g_free(last);
            last = g_steal_pointer(&system);
        }
    }
    return true;
}

static bool flush_lines(GString *lines, gsize at_least_bytes,
                        const MetadataTarget *target, GError **error)
{
    if (lines->len == 0 || lines->len < at_least_bytes) {
        return true;
    }
    if (!target->sink(TRACE_META_CMDLINES, NULL, lines->str, lines->len,
                      target->data, error)) {
        return false;
    }
    g_string_truncate(lines, 0);
    return true;
}

/*
 * For a worker, /proc appends what it last worked on, after '+' or '-'
 * (kernel/workqueue.c, wq_worker_comm); the name in events is the bare one.
 * A rescuer is named kworker/R-QUEUE.
 */
static void strip_work(char *comm)
{
    if (g_str_has_prefix(comm, "kworker/") &&
        !g_str_has_prefix(comm, "kworker/R-")) {
        comm[strcspn(comm, "+-")] = '\0';
    }
}

/* A task may put a line end into its own name. */
static void append_cmdline(GString *lines, const char *pid, char *comm)
{
    g_strdelimit(g_strchomp(comm), "\n", '?');
    strip_work(comm);
    g_string_append_printf(lines, "%s %s\n", pid, comm);
}

static bool send_threads(const char *pid, GString *lines,
                         const MetadataTarget *target, GError **error)
{
    g_autofree char *path = g_build_filename("/proc", pid, "task", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *tid;

    /* Tasks come and go while we look: what is gone is left out. */
    while (dir && (tid = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, tid, "comm", NULL);
        g_autofree char *comm = NULL;

        if (g_file_get_contents(file, &comm, NULL, NULL)) {
            append_cmdline(lines, tid, comm);
        }
        if (!flush_lines(lines, METADATA_PIECE_BYTES / 2, target, error)) {
            return false;
        }
    }
    return true;
}

static bool send_live_cmdlines(const MetadataTarget *target, GError **error)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, error);
    const char *pid;

    if (!dir) {
        return false;
    }
    while ((pid = g_dir_read_name(dir))) {
        if (g_ascii_isdigit(pid[0]) &&
            !send_threads(pid, lines, target, error)) {
            return false;
        }
    }
    return flush_lines(lines, 0, target, error);
}

static char *instance_file(const Capture *capture, const char *file)
{
    return g_build_filename(capture_dir(capture), file, NULL);
}

/* A file that all instances share, read only. */
static char *shared_file(const Capture *capture, const char *file)
{
    return g_build_filename(capture_dir(capture), "..", "..", file, NULL);
}

bool metadata_send_start(const Capture *capture, MetadataSink sink,
                         gpointer data, GError **error)
{
    MetadataTarget target = {sink, data};
    g_autofree char *page = instance_file(capture, "events/header_page");
    g_autofree char *event = shared_file(capture, "events/header_event");
    g_autofree char *clock = instance_file(capture, "trace_clock");
    g_autofree char *printk = shared_file(capture, "printk_formats");

    return send_file(page, TRACE_META_HEADER_PAGE, NULL, METADATA_REQUIRED,
                     &target, error) &&
           send_file(event, TRACE_META_HEADER_EVENT, NULL, METADATA_REQUIRED,
                     &target, error) &&
           send_file(clock, TRACE_META_TRACE_CLOCK, NULL, METADATA_REQUIRED,
                     &target, error) &&
           send_formats(capture, &target, error) &&
           send_file(printk, TRACE_META_PRINTK_FORMATS, NULL, METADATA_OPTIONAL,
                     &target, error) &&
           send_file("/proc/kallsyms", TRACE_META_KALLSYMS, NULL,
                     METADATA_OPTIONAL, &target, error) &&
           send_live_cmdlines(&target, error);
}

bool metadata_send_end(const Capture *capture, MetadataSink sink, gpointer data,
                       GError **error)
{
    MetadataTarget target = {sink, data};
    g_autofree char *saved = shared_file(capture, "saved_cmdlines");

    return send_live_cmdlines(&target, error) &&
           send_file(saved, TRACE_META_CMDLINES, NULL, METADATA_OPTIONAL,
                     &target, error);
}
