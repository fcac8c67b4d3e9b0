/*
 * Capture: a tracefs instance of our own, from its creation to its removal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tracefs.h>
#include <unistd.h>

#include "cpu-list.h"
#include "event-set.h"
#include "trace-error.h"

#define CAPTURE_CLOCK "x86-tsc"
/*
 * Wake the reader when a buffer is this full: seldom enough to be no noise,
 * early enough to empty it before it overruns.
 */
#define CAPTURE_BUFFER_PERCENT "25"
/* An instance stays busy while a process that was killed is still exiting. */
#define REMOVE_TRIES    50
#define REMOVE_RETRY_US 20000

struct Capture {
    struct tracefs_instance *instance;
    char *dir;
    GArray *cpus;
    RingPageLayout layout;
    GPtrArray *events;
    GPtrArray *missing;
    int free_buffer_fd;
    int tracing_on_fd; /* kept open: a freeze is a matter of microseconds */
};

static char *read_file(struct tracefs_instance *instance, const char *file)
{
    /* The library's memory is malloc's, and so is GLib's. */
    return tracefs_instance_file_read(instance, file, NULL);
}

static bool write_file(struct tracefs_instance *instance, const char *file,
                       const char *text)
{
    return tracefs_instance_file_write(instance, file, text) >= 0;
}

static bool set_file(const Capture *capture, const char *file, const char *text,
                     GError **error)
{
    if (!write_file(capture->instance, file, text)) {
        return trace_throw(error, "cannot write \"%s\" to %s/%s: %s", text,
                           capture->dir, file, g_strerror(errno));
    }
    return true;
}

static bool find_tracefs(const char **dir, GError **error)
{
    /* Mounts it where it isn't; the string is the library's. */
    *dir = tracefs_tracing_dir();
    if (!*dir) {
        if (geteuid() != 0) {
            return trace_throw(error, "cannot use tracefs: run this as root");
        }
        return trace_throw(error, "no tracefs at /sys/kernel/tracing, and it "
                                  "cannot be mounted: the kernel needs "
                                  "CONFIG_TRACING");
    }
    return true;
}

/* Whether the words of @text include @word; brackets around one are ignored. */
static bool has_word(const char *text, const char *word)
{
    g_auto(GStrv) words = g_strsplit_set(text, " []\n", -1);

    return g_strv_contains((const char *const *)words, word);
}

/* Removing an instance also disables its events and its tracer. */
static bool remove_dir(const char *dir, GError **error)
{
    for (int i = 0; rmdir(dir) < 0; i++) {
        if (errno == ENOENT) {
            break;
        }
        if (errno != EBUSY || i == REMOVE_TRIES) {
            return trace_throw(error,
                               "cannot remove the tracefs instance %s: %s", dir,
                               g_strerror(errno));
        }
        g_usleep(REMOVE_RETRY_US);
    }
    return true;
}

static bool create_instance(Capture *capture, const char *name, GError **error)
{
    const char *tracing_dir;

    if (!find_tracefs(&tracing_dir, error)) {
        return false;
    }
    if (tracefs_instance_exists(name)) {
        return trace_throw(error,
                           "the tracefs instance \"%s\" exists already: "
                           "another recording uses it",
                           name);
    }
    capture->instance = tracefs_instance_create(name);
    if (!capture->instance) {
        return trace_throw(error,
                           "cannot create the tracefs instance \"%s\" in "
                           "%s/instances: %s%s",
                           name, tracing_dir, g_strerror(errno),
                           geteuid() != 0 ? "; run this as root" : "");
    }
    /* Not tracefs_instance_get_dir's, which we would have to free its way. */
    capture->dir = g_build_filename(tracing_dir, "instances", name, NULL);
    return true;
}

static bool open_switch(Capture *capture, GError **error)
{
    g_autofree char *file = g_build_filename(capture->dir, "tracing_on", NULL);

    capture->tracing_on_fd = open(file, O_WRONLY | O_CLOEXEC);
    if (capture->tracing_on_fd < 0) {
        return trace_throw(error, "cannot open %s: %s", file,
                           g_strerror(errno));
    }
    return true;
}

static bool turn(Capture *capture, const char *on, GError **error)
{
    if (pwrite(capture->tracing_on_fd, on, 1, 0) != 1) {
        return trace_throw(error, "cannot write \"%s\" to %s/tracing_on: %s",
                           on, capture->dir, g_strerror(errno));
    }
    return true;
}

static bool set_clock(const Capture *capture, GError **error)
{
    g_autofree char *clocks = read_file(capture->instance, "trace_clock");

    if (!clocks || !has_word(clocks, CAPTURE_CLOCK)) {
        return trace_throw(error,
                           "no " CAPTURE_CLOCK " clock in %s/trace_clock: "
                           "host and guest must be x86 with a TSC",
                           capture->dir);
    }
    return set_file(capture, "trace_clock", CAPTURE_CLOCK, error);
}

static bool set_buffer(const Capture *capture, const RecorderOptions *options,
                       GError **error)
{
    guint64 kib =
        options->buffer_kib ? options->buffer_kib : RECORDER_DEFAULT_BUFFER_KIB;
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, kib);

    if (!write_file(capture->instance, "buffer_size_kb", text)) {
        return trace_throw(error,
                           "cannot set a buffer of %s KiB for each CPU: %s; "
                           "ask for a smaller one",
                           text, g_strerror(errno));
    }
    /* The oldest goes first; options are inherited, so say it. */
    if (!set_file(capture, "options/overwrite", "1", error)) {
        return false;
    }
    /* Kernels before 5.0 don't have it and wake for every page. */
    write_file(capture->instance, "buffer_percent", CAPTURE_BUFFER_PERCENT);
    return true;
}

/*
 * Killed by SIGKILL, we can't remove the instance; but the kernel then stops
 * it and frees its buffers, as it closes this descriptor.
 */
static bool set_dead_man_switch(Capture *capture, GError **error)
{
    if (!set_file(capture, "options/disable_on_free", "1", error)) {
        return false;
    }
    capture->free_buffer_fd =
        tracefs_instance_file_open(capture->instance, "free_buffer",
                                   O_WRONLY | O_CLOEXEC);
    if (capture->free_buffer_fd < 0) {
        return trace_throw(error, "cannot open %s/free_buffer: %s",
                           capture->dir, g_strerror(errno));
    }
    fcntl(capture->free_buffer_fd, F_SETFD, FD_CLOEXEC);
    return true;
}

static bool set_cpumask(const Capture *capture, const char *cpumask,
                        GError **error)
{
    if (cpumask && !write_file(capture->instance, "tracing_cpumask", cpumask)) {
        return trace_throw(error,
                           "the kernel refuses the CPU mask \"%s\": %s; give "
                           "hexadecimal digits for CPUs it has",
                           cpumask, g_strerror(errno));
    }
    return true;
}

static bool set_functions(const Capture *capture, char **functions,
                          GError **error)
{
    for (guint i = 0; functions && functions[i]; i++) {
        /* Without the line end the kernel looks at it only on close. */
        g_autofree char *line = g_strdup_printf("%s\n", functions[i]);

        if (tracefs_instance_file_append(capture->instance, "set_ftrace_filter",
                                         line) >= 0) {
            continue;
        }
        if (errno == EINVAL) {
            return trace_throw(error,
                               "no traceable function matches \"%s\": see "
                               "available_filter_functions in tracefs",
                               functions[i]);
        }
        return trace_throw(error,
                           "the kernel refuses to trace the function \"%s\" "
                           "(%s/set_ftrace_filter: %s)",
                           functions[i], capture->dir, g_strerror(errno));
    }
    return true;
}

static bool check_tracer(const Capture *capture, const char *tracer,
                         GError **error)
{
    g_autofree char *here = read_file(capture->instance, "available_tracers");
    g_autofree char *anywhere = read_file(NULL, "available_tracers");

    if (here && has_word(here, tracer)) {
        return true;
    }
    g_strchomp(here ? here : (here = g_strdup("nop")));
    if (anywhere && has_word(anywhere, tracer)) {
        return trace_throw(error,
                           "the kernel does not allow the tracer \"%s\" in a "
                           "tracefs instance of its own: choose one of %s",
                           tracer, here);
    }
    return trace_throw(error,
                       "this kernel has no tracer \"%s\": choose one of %s",
                       tracer, here);
}

static bool set_tracer(const Capture *capture, const RecorderOptions *options,
                       GError **error)
{
    if (!options->tracer) {
        if (options->functions && options->functions[0]) {
            return trace_throw(error, "functions to trace need a tracer: add "
                                      "-p function");
        }
        return true;
    }
    if (!check_tracer(capture, options->tracer, error) ||
        !set_functions(capture, options->functions, error)) {
        return false;
    }
    if (!write_file(capture->instance, "current_tracer", options->tracer)) {
        return trace_throw(error,
                           "the kernel refuses the tracer \"%s\" in a tracefs "
                           "instance: %s",
                           options->tracer, g_strerror(errno));
    }
    return true;
}

/* The kernel's reason, which it leaves in the event's own filter file. */
static char *filter_reason(const Capture *capture, const char *file)
{
    g_autofree char *text = read_file(capture->instance, file);
    const char *reason = text ? strstr(text, "parse_error: ") : NULL;

    if (!reason) {
        return g_strdup(g_strerror(EINVAL));
    }
    return g_strstrip(g_strdup(reason + strlen("parse_error: ")));
}

static bool set_filter(const Capture *capture, const char *event,
                       const char *filter, GError **error)
{
    g_autofree char *file = g_strdup_printf("events/%s/filter", event);
    g_autofree char *reason = NULL;

    if (write_file(capture->instance, file, filter)) {
        return true;
    }
    reason = errno == EINVAL ? filter_reason(capture, file)
                             : g_strdup(g_strerror(errno));
    return trace_throw(error,
                       "the kernel refuses the filter \"%s\" for the event "
                       "%s: %s; the event's fields are in its format file",
                       filter, event, reason);
}

static bool set_filters(const Capture *capture, char **filters, GError **error)
{
    for (guint i = 0; filters && filters[i]; i++) {
        const char *filter;
        g_autoptr(GPtrArray) events =
            event_set_parse_filter(capture->events, filters[i], &filter, error);

        if (!events) {
            return false;
        }
        for (guint j = 0; j < events->len; j++) {
            if (!set_filter(capture, g_ptr_array_index(events, j), filter,
                            error)) {
                return false;
            }
        }
    }
    return true;
}

static bool find_events(Capture *capture, char **specs, GError **error)
{
    g_autofree char *events_dir =
        g_build_filename(capture->dir, "events", NULL);

    capture->missing = g_ptr_array_new_with_free_func(g_free);
    if (specs) {
        capture->events =
            event_set_resolve(events_dir, (const char *const *)specs, NULL,
                              error);
    } else {
        capture->events = event_set_resolve(events_dir, event_set_default,
                                            capture->missing, error);
    }
    g_ptr_array_add(capture->missing, NULL);
    return capture->events != NULL;
}

static bool enable_events(const Capture *capture, GError **error)
{
    for (guint i = 0; i < capture->events->len; i++) {
        const char *event = g_ptr_array_index(capture->events, i);
        g_autofree char *file = g_strdup_printf("events/%s/enable", event);

        if (!write_file(capture->instance, file, "1")) {
            return trace_throw(error, "cannot enable the event %s: %s", event,
                               g_strerror(errno));
        }
    }
    return true;
}

static bool find_pages(Capture *capture, GError **error)
{
    g_autofree char *per_cpu = g_build_filename(capture->dir, "per_cpu", NULL);
    g_autofree char *cpuinfo = NULL;
    g_autofree char *header =
        read_file(capture->instance, "events/header_page");

    if (!header) {
        return trace_throw(error, "cannot read %s/events/header_page: %s",
                           capture->dir, g_strerror(errno));
    }
    if (!ring_page_parse_layout(header, &capture->layout, error) ||
        !g_file_get_contents("/proc/cpuinfo", &cpuinfo, NULL, error)) {
        return false;
    }
    capture->cpus = cpu_list_new(per_cpu, cpuinfo, error);
    return capture->cpus != NULL;
}

static bool configure(Capture *capture, const RecorderOptions *options,
                      GError **error)
{
    return open_switch(capture, error) && turn(capture, "0", error) &&
           set_clock(capture, error) && find_pages(capture, error) &&
           find_events(capture, options->events, error) &&
           set_buffer(capture, options, error) &&
           set_dead_man_switch(capture, error) &&
           set_cpumask(capture, options->cpumask, error) &&
           set_filters(capture, options->filters, error) &&
           set_tracer(capture, options, error) && enable_events(capture, error);
}

Capture *capture_new(const RecorderOptions *options, GError **error)
{
    g_autoptr(Capture) capture = g_new0(Capture, 1);

    capture->free_buffer_fd = capture->tracing_on_fd = -1;
    if (!create_instance(capture, options->instance, error) ||
        !configure(capture, options, error)) {
        return NULL;
    }
    return g_steal_pointer(&capture);
}

void capture_free(Capture *capture)
{
    if (!capture) {
        return;
    }
    if (capture->free_buffer_fd >= 0) {
        close(capture->free_buffer_fd);
    }
    if (capture->tracing_on_fd >= 0) {
        close(capture->tracing_on_fd);
    }
    if (capture->instance) {
        g_autoptr(GError) error = NULL;

        tracefs_instance_free(capture->instance);
        if (!remove_dir(capture->dir, &error)) {
            g_warning("%s", error->message);
        }
    }
    g_clear_pointer(&capture->events, g_ptr_array_unref);
    g_clear_pointer(&capture->missing, g_ptr_array_unref);
    g_clear_pointer(&capture->cpus, g_array_unref);
    g_free(capture->dir);
    g_free(capture);
}

/*
 * Programs write their marks at the top; copied from Linux 6.16 on.  Only to
 * instances that are on: at one that is off the kernel's write fails, and all
 * instances that asked for copies before it go without.
 */
static void copy_marks(const Capture *capture, const char *on)
{
    write_file(capture->instance, "options/copy_trace_marker", on);
}

bool capture_start(Capture *capture, GError **error)
{
    if (!turn(capture, "1", error)) {
        return false;
    }
    copy_marks(capture, "1");
    return true;
}

bool capture_stop(Capture *capture, GError **error)
{
    return turn(capture, "0", error);
}

void capture_leave_marks(const Capture *capture)
{
    copy_marks(capture, "0");
}

static guint count_lines(const char *text)
{
    guint count = 0;

    for (; *text; text++) {
        count += *text == '\n';
    }
    return count;
}

bool capture_check_on(const Capture *capture, GError **error)
{
    g_autofree char *on = read_file(capture->instance, "tracing_on");
    g_autofree char *events = read_file(capture->instance, "set_event");

    if (!on || *on != '1') {
        return trace_throw(error,
                           "tracing was turned off in %s by something else: "
                           "what happened after that is not recorded",
                           capture->dir);
    }
    /* An empty file is none to the library. */
    if ((events ? count_lines(events) : 0) < capture->events->len) {
        return trace_throw(error,
                           "events were turned off in %s by something else: "
                           "they are not recorded to the end",
                           capture->dir);
    }
    return true;
}

bool capture_check_clock(const Capture *capture, GError **error)
{
    g_autofree char *clocks = read_file(capture->instance, "trace_clock");

    return (clocks && strstr(clocks, "[" CAPTURE_CLOCK "]")) ||
           trace_throw(error,
                       "the trace clock of %s was changed by something else: "
                       "what was in its buffers then is lost uncounted, and "
                       "the recording ends there",
                       capture->dir);
}

void capture_mark(const Capture *capture, const char *text)
{
    write_file(capture->instance, "trace_marker", text);
}

const char *capture_tracing_dir(GError **error)
{
    const char *dir;

    return find_tracefs(&dir, error) ? dir : NULL;
}

const char *capture_dir(const Capture *capture)
{
    return capture->dir;
}

const GArray *capture_cpus(const Capture *capture)
{
    return capture->cpus;
}

const RingPageLayout *capture_page_layout(const Capture *capture)
{
    return &capture->layout;
}

const GPtrArray *capture_events(const Capture *capture)
{
    return capture->events;
}

const char *const *capture_missing_events(const Capture *capture)
{
    return (const char *const *)capture->missing->pdata;
}

int capture_open_pages(const Capture *capture, guint cpu, GError **error)
{
    g_autofree char *file =
        g_strdup_printf("%s/per_cpu/cpu%u/trace_pipe_raw", capture->dir, cpu);
    int fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        trace_throw(error, "cannot open %s: %s", file, g_strerror(errno));
    }
    return fd;
}

static bool parse_stats(const char *text, CaptureStats *stats)
{
    const struct {
        const char *key;
        guint64 *value;
    } lines[] = {
        {"entries: ", &stats->entries},
        {"\noverrun: ", &stats->overrun},
        {"\ncommit overrun: ", &stats->commit_overrun},
        {"\ndropped events: ", &stats->dropped},
        {"\nread events: ", &stats->read},
    };

    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        const char *at = strstr(text, lines[i].key);

        if (!at) {
            return false;
        }
        *lines[i].value = g_ascii_strtoull(at + strlen(lines[i].key), NULL, 10);
    }
    return true;
}

static bool read_stats(const char *instance_dir, guint cpu, CaptureStats *stats,
                       GError **error)
{
    g_autofree char *file =
        g_strdup_printf("%s/per_cpu/cpu%u/stats", instance_dir, cpu);
    g_autofree char *text = NULL;

    if (!g_file_get_contents(file, &text, NULL, error)) {
        return false;
    }
    if (!parse_stats(text, stats)) {
        return trace_throw(error, "%s is not understood", file);
    }
    return true;
}

bool capture_read_stats(const Capture *capture, guint cpu, CaptureStats *stats,
                        GError **error)
{
    return read_stats(capture->dir, cpu, stats, error);
}

static char *instance_dir(const char *instance, GError **error)
{
    const char *tracing_dir;

    if (!find_tracefs(&tracing_dir, error)) {
        return NULL;
    }
    return g_build_filename(tracing_dir, "instances", instance, NULL);
}

bool capture_read_instance_stats(const char *instance, guint cpu,
                                 CaptureStats *stats, GError **error)
{
    g_autofree char *dir = instance_dir(instance, error);

    return dir && read_stats(dir, cpu, stats, error);
}

bool capture_remove_stale(const char *instance, bool *removed, GError **error)
{
    g_autofree char *dir = instance_dir(instance, error);
    bool exists = dir && g_file_test(dir, G_FILE_TEST_IS_DIR);

    if (removed) {
        *removed = exists;
    }
    return dir && (!exists || remove_dir(dir, error));
}
