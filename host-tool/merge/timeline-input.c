/*
 * TimelineInput: one file of a merged timeline, with its clocks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/timeline-input.h"

#include <string.h>

#include "trace-data/dat-open.h"

static void track_free(gpointer data)
{
    ClockTrack *track = data;

    if (track) {
        g_free((gpointer)track->segments);
        g_free((gpointer)track->points);
        g_free(track);
    }
}

void timeline_input_set_track(TimelineInput *input, unsigned cpu,
                              const ClockSegment *segments, size_t n_segments)
{
    ClockTrack *track = g_new0(ClockTrack, 1);

    if (!input->tracks) {
        input->tracks = g_ptr_array_new_with_free_func(track_free);
    }
    while (input->tracks->len <= cpu) {
        g_ptr_array_add(input->tracks, NULL);
    }
    track->segments = g_memdup2(segments, n_segments * sizeof(*segments));
    track->n_segments = n_segments;
    track_free(input->tracks->pdata[cpu]);
    input->tracks->pdata[cpu] = track;
}

static ClockMap map_of_sample(const DatTimeShift *sample)
{
    ClockMap map =
        clock_map_unscaled((int64_t) - (uint64_t)sample->offset_ticks);

    if (sample->ratio) {
        map.ratio = sample->ratio;
        map.frac_bits = sample->frac_bits;
    }
    return map;
}

/*
 * Samples are (guest ticks from which, host - guest).  One that repeats its
 * predecessor's map only tells that nothing changed.
 */
static GArray *segments_of_samples(const GArray *samples)
{
    GArray *segments = g_array_new(FALSE, FALSE, sizeof(ClockSegment));

    for (guint i = 0; i < samples->len; i++) {
        const DatTimeShift *sample = &g_array_index(samples, DatTimeShift, i);
        ClockSegment segment = {
            .to_host_ticks = UINT64_MAX,
            .map = map_of_sample(sample),
            .provenance = CLOCK_PROVENANCE_GIVEN,
        };
        ClockSegment *last =
            segments->len
                ? &g_array_index(segments, ClockSegment, segments->len - 1)
                : NULL;

        if (last && clock_map_equal(&last->map, &segment.map)) {
            continue;
        }
        if (last) {
            uint64_t guest = sample->from_guest_ticks;

            segment.from_host_ticks = clock_map_to_host(&segment.map, guest);
            last->to_host_ticks = segment.from_host_ticks - 1;
        }
        g_array_append_val(segments, segment);
    }
    return segments;
}

/* PTP_ACCURACY of trace-cmd's lib/trace-cmd/trace-timesync-ptp.c */
#define INTERPOLATED_ERROR_NS 2000

/*
 * Two measurements of what should be the same differ by more than the error
 * of one of them.
 */
static uint64_t interpolated_error(const TimelineInput *input,
                                   const GArray *samples)
{
    TimelineScale plain = input->scale;
    uint64_t error_ticks;

    plain.ns_offset = 0;
    error_ticks = timeline_scale_invert(&plain, INTERPOLATED_ERROR_NS);
    for (guint i = 1; i < samples->len; i++) {
        const DatTimeShift *sample = &g_array_index(samples, DatTimeShift, i);
        int64_t step = sample->offset_ticks - sample[-1].offset_ticks;

        error_ticks = MAX(error_ticks, (uint64_t)ABS(step));
    }
    return error_ticks;
}

/* Offsets that were measured over a network lie on lines between them. */
static void set_points(TimelineInput *input, unsigned cpu,
                       const GArray *samples)
{
    const DatTimeShift *first = &g_array_index(samples, DatTimeShift, 0);
    ClockSegment segment = {
        .to_host_ticks = UINT64_MAX,
        .map = map_of_sample(first),
        .error_ticks = interpolated_error(input, samples),
        .provenance = CLOCK_PROVENANCE_GIVEN,
    };
    ClockPoint *points = g_new(ClockPoint, samples->len);
    ClockTrack *track;

    for (guint i = 0; i < samples->len; i++) {
        const DatTimeShift *sample = &g_array_index(samples, DatTimeShift, i);

        points[i].guest_ticks = sample->from_guest_ticks;
        points[i].offset_ticks = sample->offset_ticks;
    }
    timeline_input_set_track(input, cpu, &segment, 1);
    track = input->tracks->pdata[cpu];
    track->points = points;
    track->n_points = samples->len;
}

static void use_samples(TimelineInput *input, unsigned cpu,
                        const GArray *samples)
{
    g_autoptr(GArray) segments = NULL;

    if (samples->len == 0) {
        return;
    }
    if (input->dat->options.interpolates && samples->len > 1) {
        set_points(input, cpu, samples);
        return;
    }
    segments = segments_of_samples(samples);
    timeline_input_set_track(input, cpu, (const ClockSegment *)segments->data,
                             segments->len);
}

static bool is_scaled(const GPtrArray *shifts)
{
    for (guint cpu = 0; cpu < shifts->len; cpu++) {
        const GArray *samples = shifts->pdata[cpu];

        for (guint i = 0; i < samples->len; i++) {
            if (g_array_index(samples, DatTimeShift, i).ratio) {
                return true;
            }
        }
    }
    return false;
}

void timeline_input_use_time_shift(TimelineInput *input)
{
    const GPtrArray *shifts = input->dat->options.time_shifts;

    for (guint cpu = 0; shifts && cpu < shifts->len; cpu++) {
        use_samples(input, cpu, shifts->pdata[cpu]);
    }
    if (shifts && is_scaled(shifts) && !input->dat->instance) {
        dat_file_problem(input->dat,
                         "the guest's TSC was scaled; its times are right "
                         "here, but trace-cmd applies the ratio the wrong way "
                         "round and shows others");
    }
}

static bool counts_tsc(const DatFile *dat)
{
    return strcmp(dat->clock, "x86-tsc") == 0 ||
           strcmp(dat->clock, "tsc2nsec") == 0;
}

/* USER_HZ of x86: trace_clock_jiffies() in kernel/trace/trace_clock.c */
#define UPTIME_HZ 100

/* The kernel's other clocks count nanoseconds already. */
static bool counts_ns(const DatFile *dat)
{
    return !counts_tsc(dat) && strcmp(dat->clock, "counter") != 0 &&
           strcmp(dat->clock, "uptime") != 0;
}

static TimelineScale own_scale(const DatFile *dat)
{
    TimelineScale scale = {.ns_offset = dat->ts_offset_ns};

    /* An instance may have a clock of its own, but TSC2NSEC is the file's. */
    if (dat->options.tsc_mult && (!dat->instance || counts_tsc(dat))) {
        scale.unit = TIMELINE_NS;
        scale.mult = dat->options.tsc_mult;
        scale.shift = dat->options.tsc_shift;
    } else if (counts_ns(dat)) {
        scale.unit = TIMELINE_NS;
        scale.mult = 1;
    } else if (strcmp(dat->clock, "uptime") == 0) {
        scale.unit = TIMELINE_HZ;
        scale.hz = UPTIME_HZ;
    }
    return scale;
}

/* dat is taken over, events is not. */
static TimelineInput *input_new(DatFile *dat, EventTable *events,
                                const char *label)
{
    TimelineInput *input = g_new0(TimelineInput, 1);

    input->label = g_strdup(label);
    input->events = event_table_ref(events);
    input->scale = own_scale(dat);
    input->dat = dat;
    return input;
}

/* dat is taken over; NULL stays NULL. */
static TimelineInput *input_of(DatFile *dat, const char *label)
{
    g_autoptr(EventTable) events = NULL;

    if (!dat) {
        return NULL;
    }
    events = event_table_new(dat);
    dat_file_drop_metadata(dat);
    return input_new(dat, events, label);
}

TimelineInput *timeline_input_open_from(const OpenedFiles *files,
                                        const char *path, const char *label,
                                        GError **error)
{
    return input_of(dat_file_open_from(files, path, error), label);
}

TimelineInput *timeline_input_open(const char *path, const char *label,
                                   GError **error)
{
    return timeline_input_open_from(NULL, path, label, error);
}

TimelineInput *timeline_input_open_fd(int fd, const char *path,
                                      const char *label, const Limits *limits,
                                      GError **error)
{
    return input_of(dat_file_open_fd(fd, path, limits, error), label);
}

TimelineInput *timeline_inputs_open(GPtrArray *inputs, const OpenedFiles *files,
                                    const char *path, const char *label,
                                    GError **error)
{
    TimelineInput *top = timeline_input_open_from(files, path, label, error);

    if (!top) {
        return NULL;
    }
    g_ptr_array_add(inputs, top);
    while (top->dat->instances->len > 0) {
        DatFile *instance = g_ptr_array_steal_index(top->dat->instances, 0);

        g_ptr_array_add(inputs,
                        input_new(instance, top->events, instance->instance));
    }
    return top;
}

bool timeline_input_is_host_of(const TimelineInput *host,
                               const TimelineInput *guest)
{
    if (!guest->vcpu_threads || host == guest) {
        return false;
    }
    /* A file may have several buffers. */
    return guest->host ? guest->host->file == host->file : !host->vcpu_threads;
}

bool timeline_input_wants_cpu(const TimelineInput *input, unsigned cpu)
{
    if (input->is_hidden) {
        return false;
    }
    return !input->cpus_wanted ||
           (cpu < input->cpus_wanted->len &&
            g_array_index(input->cpus_wanted, bool, cpu));
}

static void share_symbols(TimelineInput *guest, TimelineInput *host)
{
    for (guint cpu = 0; cpu < guest->vcpu_threads->len; cpu++) {
        int32_t tid = g_array_index(guest->vcpu_threads, int32_t, cpu);

        if (tid != 0) {
            event_table_set_guest(host->events, tid, guest->events);
        }
    }
}

void timeline_inputs_share_symbols(GPtrArray *inputs)
{
    for (guint i = 0; i < inputs->len; i++) {
        TimelineInput *guest = inputs->pdata[i];

        for (guint n = 0; n < inputs->len; n++) {
            TimelineInput *host = inputs->pdata[n];

            if (timeline_input_is_host_of(host, guest)) {
                share_symbols(guest, host);
            }
        }
    }
}

void timeline_input_free(TimelineInput *input)
{
    if (!input) {
        return;
    }
    event_filter_free(input->filter);
    g_clear_pointer(&input->cpus_wanted, g_array_unref);
    event_table_unref(input->events);
    dat_file_close(input->dat);
    g_clear_pointer(&input->tracks, g_ptr_array_unref);
    g_clear_pointer(&input->vcpu_threads, g_array_unref);
    g_free(input->label);
    g_free(input);
}
