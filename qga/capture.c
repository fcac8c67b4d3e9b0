/*
 * Capture: what is recorded, and how: a tracefs instance that is set up for it,
 * from its creation to its removal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cpu-list.h"
#include "event-filter.h"
#include "event-set.h"
#include "trace-error.h"
#include "trace-instance.h"
#include "tracer.h"

#define CAPTURE_CLOCK "x86-tsc"
/*
 * Wake the reader when a buffer is this full: seldom enough to be no noise,
 * early enough to empty it before it overruns.
 */
#define CAPTURE_BUFFER_PERCENT "25"

struct Capture {
    TraceInstance *instance;
    GArray *cpus;
    RingPageLayout layout;
    GPtrArray *events;
    GPtrArray *missing;
    int free_buffer_fd;
    int tracing_on_fd; /* kept open: a freeze is a matter of microseconds */
};

const char *capture_dir(const Capture *capture)
{
    return trace_instance_dir(capture->instance);
}

static bool turn(Capture *capture, const char *on, GError **error)
{
    if (pwrite(capture->tracing_on_fd, on, 1, 0) != 1) {
        return trace_throw(error, "cannot write \"%s\" to %s/tracing_on: %s",
                           on, capture_dir(capture), g_strerror(errno));
    }
    return true;
}

static bool set_clock(const Capture *capture, GError **error)
{
    if (!trace_instance_lists(capture->instance, "trace_clock",
                              CAPTURE_CLOCK)) {
        return trace_throw(error,
                           "no " CAPTURE_CLOCK " clock in %s/trace_clock: "
                           "host and guest must be x86 with a TSC",
                           capture_dir(capture));
    }
    return trace_instance_set(capture->instance, "trace_clock", CAPTURE_CLOCK,
                              error);
}

static bool set_buffer(const Capture *capture, const RecorderOptions *options,
                       GError **error)
{
    guint64 kib =
        options->buffer_kib ? options->buffer_kib : RECORDER_DEFAULT_BUFFER_KIB;
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, kib);

    if (!trace_instance_write(capture->instance, "buffer_size_kb", text)) {
        return trace_throw(error,
                           "cannot set a buffer of %s KiB for each CPU: %s; "
                           "ask for a smaller one",
                           text, g_strerror(errno));
    }
    /* The oldest goes first; options are inherited, so say it. */
    if (!trace_instance_set(capture->instance, "options/overwrite", "1",
                            error)) {
        return false;
    }
    /* Kernels before 5.0 don't have it and wake for every page. */
    trace_instance_write(capture->instance, "buffer_percent",
                         CAPTURE_BUFFER_PERCENT);
    return true;
}

/*
 * Killed by SIGKILL, we can't remove the instance; but the kernel then stops
 * it and frees its buffers, as it closes this descriptor.
 */
static bool set_dead_man_switch(Capture *capture, GError **error)
{
    if (!trace_instance_set(capture->instance, "options/disable_on_free", "1",
                            error)) {
        return false;
    }
    capture->free_buffer_fd =
        trace_instance_open(capture->instance, "free_buffer", O_WRONLY, error);
    return capture->free_buffer_fd >= 0;
}

static bool set_cpumask(const Capture *capture, const char *cpumask,
                        GError **error)
{
    if (cpumask &&
        !trace_instance_write(capture->instance, "tracing_cpumask", cpumask)) {
        return trace_throw(error,
                           "the kernel refuses the CPU mask \"%s\": %s; give "
                           "hexadecimal digits for CPUs it has",
                           cpumask, g_strerror(errno));
    }
    return true;
}

static bool find_events(Capture *capture, char **specs, GError **error)
{
    g_autofree char *events_dir =
        g_build_filename(capture_dir(capture), "events", NULL);

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

        if (!trace_instance_write(capture->instance, file, "1")) {
            return trace_throw(error, "cannot enable the event %s: %s", event,
                               g_strerror(errno));
        }
    }
    return true;
}

static bool find_pages(Capture *capture, GError **error)
{
    g_autofree char *per_cpu =
        g_build_filename(capture_dir(capture), "per_cpu", NULL);
    g_autofree char *cpuinfo = NULL;
    g_autofree char *header =
        trace_instance_read(capture->instance, "events/header_page");

    if (!header) {
        return trace_throw(error, "cannot read %s/events/header_page: %s",
                           capture_dir(capture), g_strerror(errno));
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
    return turn(capture, "0", error) && set_clock(capture, error) &&
           find_pages(capture, error) &&
           find_events(capture, options->events, error) &&
           set_buffer(capture, options, error) &&
           set_dead_man_switch(capture, error) &&
           set_cpumask(capture, options->cpumask, error) &&
           event_filter_set(capture->instance, capture->events,
                            options->filters, error) &&
           tracer_set(capture->instance, options->tracer, options->functions,
                      error) &&
           enable_events(capture, error);
}

Capture *capture_new(const RecorderOptions *options, GError **error)
{
    g_autoptr(Capture) capture = g_new0(Capture, 1);

    capture->free_buffer_fd = capture->tracing_on_fd = -1;
    capture->instance = trace_instance_new(options->instance, error);
    if (!capture->instance) {
        return NULL;
    }
    capture->tracing_on_fd =
        trace_instance_open(capture->instance, "tracing_on", O_WRONLY, error);
    if (capture->tracing_on_fd < 0 || !configure(capture, options, error)) {
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
    trace_instance_free(capture->instance);
    g_clear_pointer(&capture->events, g_ptr_array_unref);
    g_clear_pointer(&capture->missing, g_ptr_array_unref);
    g_clear_pointer(&capture->cpus, g_array_unref);
    g_free(capture);
}

/*
 * Programs write their marks at the top; copied from Linux 6.16 on.  Only to
 * instances that are on: at one that is off the kernel's write fails, and all
 * instances that asked for copies before it go without.
 */
static void copy_marks(const Capture *capture, const char *on)
{
    trace_instance_write(capture->instance, "options/copy_trace_marker", on);
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
    g_autofree char *on = trace_instance_read(capture->instance, "tracing_on");
    g_autofree char *events =
        trace_instance_read(capture->instance, "set_event");

    if (!on || *on != '1') {
        return trace_throw(error,
                           "tracing was turned off in %s by something else: "
                           "what happened after that is not recorded",
                           capture_dir(capture));
    }
    /* An empty file is none to the library. */
    if ((events ? count_lines(events) : 0) < capture->events->len) {
        return trace_throw(error,
                           "events were turned off in %s by something else: "
                           "they are not recorded to the end",
                           capture_dir(capture));
    }
    return true;
}

bool capture_check_clock(const Capture *capture, GError **error)
{
    g_autofree char *clocks =
        trace_instance_read(capture->instance, "trace_clock");

    return (clocks && strstr(clocks, "[" CAPTURE_CLOCK "]")) ||
           trace_throw(error,
                       "the trace clock of %s was changed by something else: "
                       "what was in its buffers then is lost uncounted, and "
                       "the recording ends there",
                       capture_dir(capture));
}

void capture_mark(const Capture *capture, const char *text)
{
    trace_instance_write(capture->instance, "trace_marker", text);
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
        g_strdup_printf("per_cpu/cpu%u/trace_pipe_raw", cpu);

    return trace_instance_open(capture->instance, file, O_RDONLY | O_NONBLOCK,
                               error);
}
