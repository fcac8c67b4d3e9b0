/*
 * libqemu-trace-merge: the public functions, over what the commands use.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "api/qemu-trace-merge.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "merge/selection.h"
#include "merge/timeline.h"
#include "session/source-set.h"
#include "trace-data/event-text.h"

struct qtm_event {
    struct qtm_trace *trace;
    TimelineEvent event;
    unsigned machine;
    const EventType *type; /* NULL: it has no format */
};

struct qtm_trace {
    SourceSet *sources;
    Selection *selection;
    GPtrArray *warnings; /* of char * */
    GPtrArray *inputs;   /* of TimelineInput; NULL until it was opened */
    Timeline *timeline;
    struct qtm_event event;
    EventText *text;
    GString *line; /* reused */
};

/* What the caller frees must come from malloc(), as GLib's may one day not. */
static void take_error(GError *error, char **to)
{
    if (to) {
        *to = strdup(error->message);
    }
    g_error_free(error);
}

const char *qtm_version(void)
{
    return PROJECT_VERSION;
}

struct qtm_trace *qtm_trace_new(void)
{
    struct qtm_trace *trace = g_new0(struct qtm_trace, 1);

    trace->sources = source_set_new();
    trace->selection = selection_new();
    trace->warnings = g_ptr_array_new_with_free_func(g_free);
    trace->text = event_text_new();
    trace->line = g_string_new(NULL);
    return trace;
}

void qtm_trace_free(struct qtm_trace *trace)
{
    if (!trace) {
        return;
    }
    timeline_free(trace->timeline);
    g_clear_pointer(&trace->inputs, g_ptr_array_unref);
    selection_free(trace->selection);
    source_set_free(trace->sources);
    g_ptr_array_unref(trace->warnings);
    event_text_free(trace->text);
    g_string_free(trace->line, TRUE);
    g_free(trace);
}

void qtm_trace_add_session(struct qtm_trace *trace, const char *dir)
{
    source_set_add_session(trace->sources, dir);
}

void qtm_trace_add_file(struct qtm_trace *trace, const char *path)
{
    source_set_add_file(trace->sources, path);
}

void qtm_trace_set_clock(struct qtm_trace *trace, int64_t offset_ticks,
                         uint64_t ratio, unsigned frac_bits, const char *under)
{
    SourceFile *file = source_set_last_file(trace->sources);

    if (!file) {
        return;
    }
    file->has_clock = TRUE;
    file->clock = clock_map_unscaled(offset_ticks);
    if (ratio != 0 && frac_bits < 64) {
        file->clock.ratio = ratio;
        file->clock.frac_bits = frac_bits;
    }
    g_free(file->under);
    file->under = g_strdup(under);
}

static bool add_filter(Selection *selection, const char *value, GError **error)
{
    return selection_add_filter(selection, value, EVENT_FILTER_SHOW,
                                SELECTION_ALL_FILES, error);
}

static bool add_hiding(Selection *selection, const char *value, GError **error)
{
    return selection_add_filter(selection, value, EVENT_FILTER_HIDE,
                                SELECTION_ALL_FILES, error);
}

bool qtm_trace_select(struct qtm_trace *trace, enum qtm_selection what,
                      const char *value, char **error)
{
    static bool (*const add[])(Selection *, const char *, GError **) = {
        [QTM_SELECT_MACHINE] = selection_add_machines,
        [QTM_SELECT_CPU] = selection_add_cpus,
        [QTM_SELECT_VCPU] = selection_add_vcpus,
        [QTM_SELECT_EVENT] = selection_add_events,
        [QTM_SELECT_PID] = selection_add_pids,
        [QTM_SELECT_FILTER] = add_filter,
        [QTM_SELECT_HIDE] = add_hiding,
    };
    GError *problem = NULL;

    if ((unsigned)what >= G_N_ELEMENTS(add)) {
        problem = g_error_new(G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                              "there is no selection %u", (unsigned)what);
    } else if (add[what](trace->selection, value, &problem)) {
        return true;
    }
    take_error(problem, error);
    return false;
}

static GPtrArray *open_inputs(struct qtm_trace *trace, GError **error)
{
    g_autoptr(GPtrArray) inputs =
        source_set_open(trace->sources, trace->warnings, error);

    if (!inputs) {
        return NULL;
    }
    timeline_inputs_share_symbols(inputs);
    return selection_apply(trace->selection, inputs, trace->warnings, error)
               ? g_steal_pointer(&inputs)
               : NULL;
}

bool qtm_trace_open(struct qtm_trace *trace, char **error)
{
    GError *problem = NULL;

    if (trace->inputs) {
        problem = g_error_new_literal(G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                                      "the trace is open already");
    } else {
        trace->inputs = open_inputs(trace, &problem);
    }
    if (problem) {
        take_error(problem, error);
        return false;
    }
    trace->timeline = timeline_new(trace->inputs);
    return true;
}

/* --- machines --- */

static const TimelineInput *input_at(const struct qtm_trace *trace,
                                     unsigned machine)
{
    return trace->inputs && machine < trace->inputs->len
               ? trace->inputs->pdata[machine]
               : NULL;
}

unsigned qtm_trace_n_machines(const struct qtm_trace *trace)
{
    return trace->inputs ? trace->inputs->len : 0;
}

const char *qtm_machine_name(const struct qtm_trace *trace, unsigned machine)
{
    const TimelineInput *input = input_at(trace, machine);

    return input ? input->label : NULL;
}

unsigned qtm_machine_n_cpus(const struct qtm_trace *trace, unsigned machine)
{
    const TimelineInput *input = input_at(trace, machine);

    return input ? input->dat->cpus->len : 0;
}

int qtm_machine_host(const struct qtm_trace *trace, unsigned machine)
{
    const TimelineInput *guest = input_at(trace, machine);

    for (guint i = 0; guest && i < trace->inputs->len; i++) {
        if (timeline_input_is_host_of(trace->inputs->pdata[i], guest)) {
            return (int)i;
        }
    }
    return -1;
}

int32_t qtm_machine_vcpu_thread(const struct qtm_trace *trace, unsigned machine,
                                unsigned cpu)
{
    const TimelineInput *input = input_at(trace, machine);

    return input && input->vcpu_threads && cpu < input->vcpu_threads->len
               ? g_array_index(input->vcpu_threads, int32_t, cpu)
               : 0;
}

bool qtm_machine_ticks(const struct qtm_trace *trace, unsigned machine,
                       unsigned cpu, uint64_t host_ticks, uint64_t *ticks)
{
    const TimelineInput *input = input_at(trace, machine);
    const ClockTrack *track;
    uint64_t own;

    if (!input || cpu >= input->dat->cpus->len) {
        return false;
    }
    own = host_ticks - (uint64_t)input->shift_ticks;
    track = input->tracks && cpu < input->tracks->len
                ? input->tracks->pdata[cpu]
                : NULL;
    if (!track) {
        *ticks = own;
        return true;
    }
    for (size_t i = 0; track->n_points == 0 && i < track->n_segments; i++) {
        const ClockSegment *segment = &track->segments[i];

        if (own >= segment->from_host_ticks && own <= segment->to_host_ticks) {
            *ticks = clock_map_to_guest(&segment->map, own);
            return true;
        }
    }
    return false;
}

/* The files' own problems come last: more are found while they are read. */
const char *qtm_trace_warning(const struct qtm_trace *trace, unsigned i)
{
    if (i < trace->warnings->len) {
        return trace->warnings->pdata[i];
    }
    i -= trace->warnings->len;
    for (unsigned machine = 0; machine < qtm_trace_n_machines(trace);
         machine++) {
        const GPtrArray *problems = input_at(trace, machine)->dat->problems;

        if (i < problems->len) {
            return problems->pdata[i];
        }
        i -= problems->len;
    }
    return NULL;
}

/* --- the timeline --- */

bool qtm_trace_has_ns(const struct qtm_trace *trace)
{
    for (unsigned i = 0; i < qtm_trace_n_machines(trace); i++) {
        if (input_at(trace, i)->scale.unit == TIMELINE_TICKS) {
            return false;
        }
    }
    return true;
}

bool qtm_trace_span(struct qtm_trace *trace, uint64_t *first, uint64_t *last)
{
    TimelineSpan span = {0};

    if (!trace->timeline || !timeline_span(trace->timeline, &span)) {
        return false;
    }
    *first = span.first_time;
    *last = span.last_time;
    return true;
}

void qtm_trace_seek(struct qtm_trace *trace, uint64_t time)
{
    if (trace->timeline) {
        timeline_seek(trace->timeline, time);
    }
}

void qtm_trace_seek_last(struct qtm_trace *trace, uint64_t n_events)
{
    if (trace->timeline) {
        timeline_seek_last(trace->timeline, n_events);
    }
}

void qtm_trace_set_end(struct qtm_trace *trace, uint64_t time)
{
    if (trace->timeline) {
        timeline_set_end(trace->timeline, time);
    }
}

const struct qtm_event *qtm_trace_next(struct qtm_trace *trace)
{
    struct qtm_event *event = &trace->event;
    const CpuEvent *record = &event->event.event;
    guint machine = 0;

    if (!trace->timeline || !timeline_next(trace->timeline, &event->event)) {
        return NULL;
    }
    while (trace->inputs->pdata[machine] != event->event.input) {
        machine++;
    }
    event->trace = trace;
    event->machine = machine;
    event->type =
        event_table_type(event->event.input->events,
                         event_record_id(record->data, record->size_bytes));
    return event;
}

/* --- an event --- */

unsigned qtm_event_machine(const struct qtm_event *event)
{
    return event->machine;
}

unsigned qtm_event_cpu(const struct qtm_event *event)
{
    return event->event.cpu;
}

uint64_t qtm_event_time(const struct qtm_event *event)
{
    return event->event.time;
}

uint64_t qtm_event_host_ticks(const struct qtm_event *event)
{
    return event->event.event.line_ticks;
}

uint64_t qtm_event_ticks(const struct qtm_event *event)
{
    return event->event.event.ticks;
}

uint64_t qtm_event_error_ticks(const struct qtm_event *event)
{
    return event->event.event.error_ticks;
}

int64_t qtm_event_missed(const struct qtm_event *event)
{
    return event->event.event.missed_events;
}

const char *qtm_event_system(const struct qtm_event *event)
{
    return event->type ? event->type->system : "";
}

const char *qtm_event_name(const struct qtm_event *event)
{
    return event->type ? event->type->name : "";
}

int32_t qtm_event_pid(const struct qtm_event *event)
{
    const EventField field = event_table_pid_field(event->event.input->events);
    const CpuEvent *record = &event->event.event;

    return (int32_t)event_field_read(&field, record->data, record->size_bytes);
}

static const EventFieldType *find_field(const struct qtm_event *event,
                                        const char *name, EventFieldKind kind)
{
    const EventFieldType *field =
        event->type ? event_type_find(event->type, name) : NULL;

    return field && field->kind == kind ? field : NULL;
}

bool qtm_event_number(const struct qtm_event *event, const char *field,
                      int64_t *value)
{
    const EventFieldType *type = find_field(event, field, EVENT_FIELD_NUMBER);
    const CpuEvent *record = &event->event.event;

    if (!type) {
        return false;
    }
    *value = event_field_read(&type->where, record->data, record->size_bytes);
    return true;
}

const char *qtm_event_string(const struct qtm_event *event, const char *field,
                             size_t *size_bytes)
{
    const EventFieldType *type = find_field(event, field, EVENT_FIELD_STRING);
    const CpuEvent *record = &event->event.event;
    EventSpan span;

    if (!type) {
        return NULL;
    }
    span = event_field_span(type, record->data, record->size_bytes);
    *size_bytes = span.size_bytes;
    return span.data ? (const char *)span.data : "";
}

const char *qtm_event_field(const struct qtm_event *event, unsigned i)
{
    return event->type && i < event->type->n_fields
               ? event->type->fields[i].name
               : NULL;
}

const void *qtm_event_record(const struct qtm_event *event, size_t *size_bytes)
{
    *size_bytes = event->event.event.size_bytes;
    return event->event.event.data;
}

const char *qtm_event_text(const struct qtm_event *event)
{
    const TimelineInput *input = event->event.input;
    const CpuEvent *record = &event->event.event;
    const EventTextStyle style = {
        .has_ns = input->scale.unit != TIMELINE_TICKS,
    };
    GString *line = event->trace->line;

    g_string_truncate(line, 0);
    event_text_append(event->trace->text, input->events, line, &style,
                      event->event.cpu, event->event.time, record->data,
                      record->size_bytes);
    return line->str;
}
