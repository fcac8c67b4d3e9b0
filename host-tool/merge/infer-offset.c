/*
 * InferOffset: a guest's TSC offset from its vCPUs' windows alone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "merge/infer-offset.h"

#include <inttypes.h>

#include "trace-data/cpu-cursor.h"

/* Guest events kept of each CPU, evenly spread over its recording. */
#define MAX_KEPT_EVENTS 16384
/* Windows of one vCPU; what comes after them is not looked at. */
#define MAX_WINDOWS (1u << 22)
/* Intervals at a time; it gives up where there would be more. */
#define MAX_INTERVALS (1u << 22)
/* This share of the guest's recording may lie outside the windows. */
#define SLACK_DIVISOR 8

/* When the vCPU may have been in the guest; both ends belong to it. */
typedef struct Window {
    uint64_t from_ticks;
    uint64_t to_ticks;
} Window;

/* What may be added to guest ticks to get the host's. */
typedef struct Shift {
    int64_t low_ticks;
    int64_t high_ticks;
} Shift;

typedef struct GuestCpu {
    int32_t tid;
    GArray *windows; /* of Window, in order */
    GArray *events;  /* of uint64_t */
    uint64_t stride; /* every so manyth event is kept */
    uint64_t n_seen;
    uint64_t last_event_ticks;
    /* While the host is read. */
    bool seen; /* a window event */
    bool open;
    bool lossy; /* events were lost since the last window event */
    uint64_t last_ticks;
} GuestCpu;

static void cpu_clear(gpointer data)
{
    GuestCpu *cpu = data;

    g_clear_pointer(&cpu->windows, g_array_unref);
    g_clear_pointer(&cpu->events, g_array_unref);
}

static void add_window(GuestCpu *cpu, uint64_t from, uint64_t to)
{
    const Window window = {from, to};
    Window *last = cpu->windows->len ? &g_array_index(cpu->windows, Window,
                                                      cpu->windows->len - 1)
                                     : NULL;

    if (last && from <= last->to_ticks) {
        last->to_ticks = MAX(last->to_ticks, to);
    } else if (cpu->windows->len < MAX_WINDOWS) {
        g_array_append_val(cpu->windows, window);
    }
}

static void walk_host_event(GuestCpu *cpu, bool is_entry, uint64_t ticks)
{
    /* Where windows may be missing, anything may have been one. */
    if (cpu->seen && (cpu->open || cpu->lossy)) {
        if (!is_entry || cpu->lossy) {
            add_window(cpu, cpu->last_ticks, ticks);
        }
    }
    if (!(is_entry && cpu->open && !cpu->lossy)) {
        cpu->last_ticks = ticks;
    }
    cpu->open = is_entry;
    cpu->seen = true;
    cpu->lossy = false;
}

static GuestCpu *find_cpu(GArray *cpus, int32_t tid)
{
    for (guint i = 0; i < cpus->len; i++) {
        GuestCpu *cpu = &g_array_index(cpus, GuestCpu, i);

        if (cpu->tid == tid && tid != 0) {
            return cpu;
        }
    }
    return NULL;
}

static void note_loss(GArray *cpus, const CpuEvent *event)
{
    if (event->missed_events == 0 && !event->loss_follows) {
        return;
    }
    for (guint i = 0; i < cpus->len; i++) {
        g_array_index(cpus, GuestCpu, i).lossy = true;
    }
}

static void read_windows(TimelineInput *host, GArray *cpus)
{
    g_autoptr(GPtrArray) inputs = g_ptr_array_new();
    g_autoptr(Timeline) timeline = NULL;
    int entry_id = event_table_find(host->events, "kvm", "kvm_entry");
    int exit_id = event_table_find(host->events, "kvm", "kvm_exit");
    EventField pid = event_table_pid_field(host->events);
    TimelineEvent event;

    g_ptr_array_add(inputs, host);
    timeline = timeline_new(inputs);
    while (timeline_next(timeline, &event)) {
        const CpuEvent *record = &event.event;
        int id = event_record_id(record->data, record->size_bytes);
        GuestCpu *cpu;

        note_loss(cpus, record);
        if (id == EVENT_ID_NONE || (id != entry_id && id != exit_id)) {
            continue;
        }
        cpu = find_cpu(cpus, (int32_t)event_field_read(&pid, record->data,
                                                       record->size_bytes));
        if (cpu) {
            walk_host_event(cpu, id == entry_id, record->line_ticks);
        }
    }
}

/* Halves what is kept. */
static void thin_out(GuestCpu *cpu)
{
    uint64_t *events = (uint64_t *)cpu->events->data;

    for (guint i = 0; i < cpu->events->len / 2; i++) {
        events[i] = events[2 * i];
    }
    g_array_set_size(cpu->events, cpu->events->len / 2);
    cpu->stride *= 2;
}

static void read_events(const TimelineInput *guest, unsigned number,
                        GuestCpu *cpu)
{
    g_autoptr(CpuCursor) cursor = cpu_cursor_new(guest->dat, number, NULL, 0);
    CpuEvent event;

    cpu->stride = 1;
    while (cpu_cursor_next(cursor, &event)) {
        if (cpu->n_seen++ % cpu->stride == 0) {
            g_array_append_val(cpu->events, event.ticks);
            if (cpu->events->len == MAX_KEPT_EVENTS) {
                thin_out(cpu);
            }
        }
        cpu->last_event_ticks = event.ticks;
    }
}

static GArray *read_all(TimelineInput *host, const TimelineInput *guest)
{
    GArray *cpus = g_array_new(FALSE, TRUE, sizeof(GuestCpu));

    g_array_set_clear_func(cpus, cpu_clear);
    for (guint i = 0; i < guest->vcpu_threads->len && i < guest->dat->cpus->len;
         i++) {
        GuestCpu cpu = {
            .tid = g_array_index(guest->vcpu_threads, int32_t, i),
            .windows = g_array_new(FALSE, FALSE, sizeof(Window)),
            .events = g_array_new(FALSE, FALSE, sizeof(uint64_t)),
        };

        read_events(guest, i, &cpu);
        g_array_append_val(cpus, cpu);
    }
    read_windows(host, cpus);
    for (guint i = cpus->len; i-- > 0;) {
        const GuestCpu *cpu = &g_array_index(cpus, GuestCpu, i);

        if (cpu->windows->len == 0 || cpu->events->len == 0) {
            g_array_remove_index(cpus, i);
        }
    }
    return cpus;
}

static void push(GArray *shifts, uint64_t from, uint64_t to, uint64_t event)
{
    const Shift shift = {(int64_t)(from - event), (int64_t)(to - event)};

    g_array_append_val(shifts, shift);
}

/* The first window that ends at or after this tick. */
static guint find_window(const GArray *windows, uint64_t ticks)
{
    guint low = 0, high = windows->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (g_array_index(windows, Window, middle).to_ticks < ticks) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* What of one interval puts the event into a window, or beside all of them. */
static void cut(GArray *out, const Shift *shift, const GArray *windows,
                uint64_t event)
{
    const Window *all = (const Window *)windows->data;
    uint64_t first = all[0].from_ticks;
    uint64_t last = all[windows->len - 1].to_ticks;
    uint64_t from = event + (uint64_t)shift->low_ticks;
    uint64_t to = event + (uint64_t)shift->high_ticks;

    if (from < first) {
        push(out, from, MIN(to, first - 1), event);
    }
    for (guint i = find_window(windows, from);
         i < windows->len && all[i].from_ticks <= to; i++) {
        push(out, MAX(from, all[i].from_ticks), MIN(to, all[i].to_ticks),
             event);
    }
    if (to > last) {
        push(out, MAX(from, last + 1), to, event);
    }
}

/* False when it would take too many intervals. */
static bool apply_event(GArray **shifts, GArray **spare, const GuestCpu *cpu,
                        uint64_t event)
{
    GArray *out = *spare;

    g_array_set_size(out, 0);
    for (guint i = 0; i < (*shifts)->len; i++) {
        cut(out, &g_array_index(*shifts, Shift, i), cpu->windows, event);
        if (out->len > MAX_INTERVALS) {
            return false;
        }
    }
    *spare = *shifts;
    *shifts = out;
    return true;
}

/* All offsets with which most of the guest's recording meets the windows. */
static Shift whole_range(const GArray *cpus)
{
    Shift range = {INT64_MIN, INT64_MAX};

    for (guint i = 0; i < cpus->len; i++) {
        const GuestCpu *cpu = &g_array_index(cpus, GuestCpu, i);
        const Window *windows = (const Window *)cpu->windows->data;
        uint64_t first_event = g_array_index(cpu->events, uint64_t, 0);
        int64_t slack =
            (int64_t)((cpu->last_event_ticks - first_event) / SLACK_DIVISOR);
        int64_t low = (int64_t)(windows[0].from_ticks - first_event) - slack;
        int64_t high = (int64_t)(windows[cpu->windows->len - 1].to_ticks -
                                 cpu->last_event_ticks) +
                       slack;

        range.low_ticks = MAX(range.low_ticks, low);
        range.high_ticks = MIN(range.high_ticks, high);
    }
    return range;
}

/*
 * Events far from one another tell most: 0, 1/2, 1/4, 3/4, ... of all, by the
 * reversed bits of a counter.  False where that is no index.
 */
static bool scatter(guint counter, guint bits, guint n, guint *index)
{
    *index = 0;
    for (guint i = 0; i < bits; i++) {
        *index |= (counter >> i & 1) << (bits - 1 - i);
    }
    return *index < n;
}

static guint bits_for(guint n)
{
    guint bits = 0;

    while ((1u << bits) < n) {
        bits++;
    }
    return bits;
}

/* One event of each CPU; false when it would take too many intervals. */
static bool search_step(const GArray *cpus, guint counter, guint bits,
                        GArray **shifts, GArray **spare, uint64_t *n_events)
{
    for (guint i = 0; i < cpus->len; i++) {
        const GuestCpu *cpu = &g_array_index(cpus, GuestCpu, i);
        guint index;

        if (!scatter(counter, bits, cpu->events->len, &index)) {
            continue;
        }
        if (!apply_event(shifts, spare, cpu,
                         g_array_index(cpu->events, uint64_t, index))) {
            return false;
        }
        (*n_events)++;
    }
    return true;
}

static bool search(const GArray *cpus, GArray **shifts, uint64_t *n_events)
{
    GArray *spare = g_array_new(FALSE, FALSE, sizeof(Shift));
    guint most = 0, bits;
    bool done = true;

    for (guint i = 0; i < cpus->len; i++) {
        most = MAX(most, g_array_index(cpus, GuestCpu, i).events->len);
    }
    bits = bits_for(most);
    for (guint n = 0; done && n < (1u << bits) && (*shifts)->len > 0; n++) {
        done = search_step(cpus, n, bits, shifts, &spare, n_events);
    }
    g_array_unref(spare);
    return done;
}

static void conclude(InferredOffset *inferred, const GArray *shifts)
{
    inferred->n_intervals = shifts->len;
    for (guint i = 0; i < shifts->len; i++) {
        const Shift *shift = &g_array_index(shifts, Shift, i);

        inferred->left_ticks +=
            (uint64_t)(shift->high_ticks - shift->low_ticks) + 1;
    }
    if (shifts->len == 0) {
        inferred->outcome = INFER_NONE;
        return;
    }
    inferred->outcome = shifts->len == 1 ? INFER_FOUND : INFER_AMBIGUOUS;
    /* The guest's offset is the other way round. */
    inferred->low_ticks =
        -g_array_index(shifts, Shift, shifts->len - 1).high_ticks;
    inferred->high_ticks = -g_array_index(shifts, Shift, 0).low_ticks;
}

static bool is_scaled(const TimelineInput *guest)
{
    for (guint i = 0; guest->tracks && i < guest->tracks->len; i++) {
        const ClockTrack *track = guest->tracks->pdata[i];

        if (track && clock_map_is_scaled(&track->segments[0].map)) {
            return true;
        }
    }
    return false;
}

InferredOffset infer_offset(TimelineInput *host, TimelineInput *guest)
{
    InferredOffset inferred = {.outcome = INFER_NO_DATA};
    g_autoptr(GArray) cpus = read_all(host, guest);
    GArray *shifts;
    Shift range;

    if (cpus->len == 0 || is_scaled(guest)) {
        return inferred;
    }
    for (guint i = 0; i < cpus->len; i++) {
        inferred.n_windows += g_array_index(cpus, GuestCpu, i).windows->len;
    }
    range = whole_range(cpus);
    if (range.low_ticks > range.high_ticks) {
        return inferred;
    }
    inferred.range_ticks =
        (uint64_t)range.high_ticks - (uint64_t)range.low_ticks + 1;
    shifts = g_array_new(FALSE, FALSE, sizeof(Shift));
    g_array_append_val(shifts, range);
    if (search(cpus, &shifts, &inferred.n_events)) {
        conclude(&inferred, shifts);
    } else {
        inferred.outcome = INFER_AMBIGUOUS;
    }
    g_array_unref(shifts);
    return inferred;
}

void infer_offset_apply(const InferredOffset *inferred, TimelineInput *guest)
{
    uint64_t width = (uint64_t)(inferred->high_ticks - inferred->low_ticks);
    const ClockSegment segment = {
        .to_host_ticks = UINT64_MAX,
        .map = clock_map_unscaled(inferred->low_ticks + (int64_t)(width / 2)),
        .provenance = CLOCK_PROVENANCE_INFERRED,
    };

    guest->shift_ticks = 0;
    for (guint i = 0; i < guest->vcpu_threads->len; i++) {
        timeline_input_set_track(guest, i, &segment, 1);
    }
}

static double us_of(const TimelineScale *scale, uint64_t ticks)
{
    TimelineScale plain = *scale;

    plain.ns_offset = 0;
    return (double)timeline_scale_apply(&plain, ticks) / 1e3;
}

char *infer_offset_text(const InferredOffset *inferred,
                        const TimelineScale *scale)
{
    switch (inferred->outcome) {
    case INFER_FOUND: {
        uint64_t width = (uint64_t)(inferred->high_ticks - inferred->low_ticks);

        return g_strdup_printf(
            "by its windows alone the TSC offset is %" PRId64 " to %" PRId64
            " ticks (%.1f us wide): the only part of %.0f ms that suits all "
            "of %" PRIu64 " events and %" PRIu64 " windows",
            inferred->low_ticks, inferred->high_ticks, us_of(scale, width),
            us_of(scale, inferred->range_ticks) / 1e3, inferred->n_events,
            inferred->n_windows);
    }
    case INFER_AMBIGUOUS:
        return g_strdup_printf(
            "its windows alone don't tell the TSC offset: %u intervals, "
            "%.1f us together, suit all of %" PRIu64 " events; record longer, "
            "or with more events in the guest",
            inferred->n_intervals, us_of(scale, inferred->left_ticks),
            inferred->n_events);
    case INFER_NONE:
        return g_strdup_printf(
            "no single TSC offset puts all of its events into the windows "
            "(%" PRIu64 " events were enough to tell): the clock was changed "
            "in mid-recording, or host and guest don't belong together",
            inferred->n_events);
    default:
        return g_strdup("its TSC offset can't be inferred: there are no "
                        "kvm_entry and kvm_exit events of its vCPUs, no "
                        "events of the guest, or its TSC is scaled");
    }
}
