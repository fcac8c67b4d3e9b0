/*
 * PageLanes: what the page's timeline shows.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/page-lanes.h"

#include <string.h>

#include "explain/make-analysis.h"
#include "explain/sentence.h"
#include "output/clean-text.h"
#include "output/json-line.h"
#include "output/run-list.h"
#include "output/vcpu-map.h"

/* Of all lanes together: what a browser draws without a pause. */
#define MAX_COLUMNS (1u << 20)
/* Of one lane: finer than any screen. */
#define MAX_LANE_COLUMNS (1u << 18)
#define MIN_LANE_COLUMNS (1u << 12)
/* Of one lane in one window. */
#define MAX_WINDOW_RUNS 20000
/* Of one lane: names; the rest is told by its kind alone. */
#define MAX_ITEMS 4096

#define TASK_COMM_BYTES 16

typedef enum LaneType {
    LANE_HOST_CPU,
    LANE_VCPU,
    LANE_GUEST_CPU,
} LaneType;

/* One row of the timeline. */
typedef struct Lane {
    LaneType type;
    const char *machine; /* the input's label */
    unsigned cpu;
    GString *items;      /* JSON: [kind,text] of each, joined by commas */
    guint n_items;       /* the first is RUN_ITEM_NONE */
    GHashTable *item_of; /* what stands for it -> its number */
    RunList *overview;
    GPtrArray *windows; /* of RunList */
    /* Of a CPU: what it runs. */
    uint64_t since;
    guint running;
} Lane;

/* A machine's CPUs. */
typedef struct Cpus {
    const TimelineInput *input;
    int switch_id;
    EventField next_pid;
    const EventFieldType *next_comm;
    GPtrArray *lanes; /* of Lane by CPU, NULL entries; not owned */
    uint64_t last;    /* event of any of them */
} Cpus;

struct PageLanes {
    const Analysis *analysis;
    const GArray *windows; /* of PageWindow */
    uint64_t start;        /* of the line, as times are printed */
    uint64_t column;
    VcpuMap *vcpus;
    GPtrArray *lanes;      /* of Lane, owned */
    GPtrArray *vcpu_lanes; /* of Lane by Analysis.vcpus; not owned */
    GArray *cpus;          /* of Cpus */
};

/* Nanoseconds from the start, or ticks where no scale is known. */
static uint64_t time_of(const PageLanes *lanes, uint64_t ticks)
{
    uint64_t time = timeline_scale_apply(&lanes->analysis->line_scale, ticks);

    return time > lanes->start ? time - lanes->start : 0;
}

static void lane_free(gpointer data)
{
    Lane *lane = data;

    g_string_free(lane->items, TRUE);
    g_hash_table_unref(lane->item_of);
    run_list_free(lane->overview);
    g_ptr_array_unref(lane->windows);
    g_free(lane);
}

static guint append_item(Lane *lane, const char *kind, const char *text)
{
    g_autoptr(GString) clean = g_string_new(NULL);

    clean_text_append(clean, text, strlen(text));
    g_string_append(lane->items, lane->n_items ? ",[" : "[");
    json_line_string(lane->items, kind, strlen(kind));
    g_string_append_c(lane->items, ',');
    json_line_string(lane->items, clean->str, clean->len);
    g_string_append_c(lane->items, ']');
    return lane->n_items++;
}

static Lane *lane_new(PageLanes *lanes, LaneType type, const char *machine,
                      unsigned cpu)
{
    Lane *lane = g_new0(Lane, 1);
    uint64_t end = time_of(lanes, lanes->analysis->last_ticks);

    lane->type = type;
    lane->machine = machine;
    lane->cpu = cpu;
    lane->items = g_string_new(NULL);
    lane->item_of =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    append_item(lane, "none", "not known");
    lane->overview = run_list_new(0, end, lanes->column, G_MAXUINT);
    lane->windows =
        g_ptr_array_new_with_free_func((GDestroyNotify)run_list_free);
    for (guint i = 0; i < lanes->windows->len; i++) {
        const PageWindow *window =
            &g_array_index(lanes->windows, PageWindow, i);

        g_ptr_array_add(lane->windows,
                        run_list_new(time_of(lanes, window->from_ticks),
                                     time_of(lanes, window->to_ticks), 1,
                                     MAX_WINDOW_RUNS));
    }
    g_ptr_array_add(lanes->lanes, lane);
    return lane;
}

static void lane_add(Lane *lane, uint64_t from, uint64_t to, guint item)
{
    run_list_add(lane->overview, from, to, item);
    for (guint i = 0; i < lane->windows->len; i++) {
        run_list_add(lane->windows->pdata[i], from, to, item);
    }
}

static void lane_end(Lane *lane)
{
    run_list_end(lane->overview);
    for (guint i = 0; i < lane->windows->len; i++) {
        run_list_end(lane->windows->pdata[i]);
    }
}

/* The number of an item; text stands for all of its kind once they are many. */
static guint item_of(Lane *lane, const char *kind, const char *text)
{
    gpointer found;
    g_autofree char *key = NULL;

    if (lane->n_items >= MAX_ITEMS) {
        text = "others";
    }
    key = g_strconcat(kind, "\n", text, NULL);
    if (!g_hash_table_lookup_extended(lane->item_of, key, NULL, &found)) {
        guint number = append_item(lane, kind, text);

        found = GUINT_TO_POINTER(number);
        g_hash_table_insert(lane->item_of, g_steal_pointer(&key), found);
    }
    return GPOINTER_TO_UINT(found);
}

static void on_segment(unsigned vcpu, const Segment *segment,
                       const Names *names, void *data)
{
    PageLanes *lanes = data;
    Lane *lane = lanes->vcpu_lanes->pdata[vcpu];
    g_autofree char *text = cause_text(names, segment->cause);

    lane_add(lane, time_of(lanes, segment->from_ticks),
             time_of(lanes, segment->to_ticks),
             item_of(lane, cause_kind_id(cause_kind(segment->cause)), text));
}

/* What a CPU switches to. */
static guint next_item(const PageLanes *lanes, const Cpus *cpus, Lane *lane,
                       const CpuEvent *record)
{
    int32_t pid = (int32_t)event_field_read(&cpus->next_pid, record->data,
                                            record->size_bytes);
    const Vcpu *vcpu = vcpu_map_of_thread(lanes->vcpus, cpus->input, pid);
    EventSpan comm = {0};
    g_autofree char *text = NULL;

    if (pid == 0) {
        return item_of(lane, "idle", "idle");
    }
    if (vcpu) {
        text = g_strdup_printf("%s vCPU %u", vcpu->guest->label, vcpu->cpu);
        return item_of(lane, "vcpu", text);
    }
    if (cpus->next_comm) {
        comm =
            event_field_span(cpus->next_comm, record->data, record->size_bytes);
    }
    text =
        g_strdup_printf("%.*s-%d", (int)MIN(comm.size_bytes, TASK_COMM_BYTES),
                        comm.data ? (const char *)comm.data : "", pid);
    return item_of(lane, "task", text);
}

static Lane *cpu_lane(const Cpus *cpus, unsigned cpu)
{
    return cpu < cpus->lanes->len ? cpus->lanes->pdata[cpu] : NULL;
}

static Cpus *cpus_of(const PageLanes *lanes, const TimelineInput *input)
{
    for (guint i = 0; i < lanes->cpus->len; i++) {
        Cpus *cpus = &g_array_index(lanes->cpus, Cpus, i);

        if (cpus->input == input) {
            return cpus;
        }
    }
    return NULL;
}

static void on_event(const TimelineEvent *event, uint64_t ticks, void *data)
{
    PageLanes *lanes = data;
    const CpuEvent *record = &event->event;
    Cpus *cpus = cpus_of(lanes, event->input);
    Lane *lane = cpus ? cpu_lane(cpus, event->cpu) : NULL;
    uint64_t now = time_of(lanes, ticks);

    if (cpus) {
        cpus->last = now;
    }
    if (!lane) {
        return;
    }
    if (record->missed_events != 0) {
        lane->since = now; /* who ran meanwhile is not known */
        lane->running = RUN_ITEM_NONE;
    }
    if (event_record_id(record->data, record->size_bytes) == cpus->switch_id) {
        lane_add(lane, lane->since, now, lane->running);
        lane->since = now;
        lane->running = next_item(lanes, cpus, lane, record);
    }
}

static bool has_data(const TimelineInput *input, unsigned cpu)
{
    return g_array_index(input->dat->cpus, DatCpuData, cpu).size_bytes > 0;
}

/* The same guest's, from another side: its tasks are shown already. */
static bool is_second_recording(const PageLanes *lanes,
                                const TimelineInput *input)
{
    for (guint cpu = 0; cpu < input->dat->cpus->len; cpu++) {
        const Vcpu *vcpu = vcpu_map_of_cpu(lanes->vcpus, input, cpu);

        if (vcpu) {
            return vcpu->guest != input;
        }
    }
    return false;
}

static void add_cpus(PageLanes *lanes, TimelineInput *input)
{
    Cpus cpus = {.input = input, .lanes = g_ptr_array_new()};
    const EventType *type;
    bool is_guest = input->vcpu_threads != NULL;
    bool is_shown = !is_second_recording(lanes, input);

    cpus.switch_id = event_table_find(input->events, "sched", "sched_switch");
    cpus.next_pid =
        event_table_field(input->events, cpus.switch_id, "next_pid");
    type = event_table_type(input->events, cpus.switch_id);
    cpus.next_comm = type ? event_type_find(type, "next_comm") : NULL;
    for (guint cpu = 0; cpu < input->dat->cpus->len; cpu++) {
        Lane *lane = NULL;

        for (guint i = 0; is_guest && i < lanes->analysis->vcpus->len; i++) {
            const VcpuStats *vcpu = lanes->analysis->vcpus->pdata[i];

            if (vcpu->cpu == cpu && strcmp(vcpu->machine, input->label) == 0) {
                lanes->vcpu_lanes->pdata[i] =
                    lane_new(lanes, LANE_VCPU, input->label, cpu);
            }
        }
        if (is_shown && cpus.switch_id != EVENT_ID_NONE &&
            has_data(input, cpu)) {
            lane = lane_new(lanes, is_guest ? LANE_GUEST_CPU : LANE_HOST_CPU,
                            input->label, cpu);
        }
        g_ptr_array_add(cpus.lanes, lane);
    }
    g_array_append_val(lanes->cpus, cpus);
}

static void clear_cpus(gpointer data)
{
    g_ptr_array_unref(((Cpus *)data)->lanes);
}

/* So that all lanes together have no more columns than they may. */
static uint64_t column_of(const PageLanes *lanes, const GPtrArray *inputs)
{
    uint64_t length = time_of(lanes, lanes->analysis->last_ticks);
    guint n_lanes = lanes->analysis->vcpus->len;
    guint n_columns;

    for (guint i = 0; i < inputs->len; i++) {
        n_lanes += ((const TimelineInput *)inputs->pdata[i])->dat->cpus->len;
    }
    n_columns = CLAMP(MAX_COLUMNS / MAX(n_lanes, 1), MIN_LANE_COLUMNS,
                      MAX_LANE_COLUMNS);
    return length / n_columns + 1;
}

static PageLanes *lanes_new(const Analysis *analysis, GPtrArray *inputs,
                            const GArray *windows)
{
    PageLanes *lanes = g_new0(PageLanes, 1);

    lanes->analysis = analysis;
    lanes->windows = windows;
    lanes->start =
        timeline_scale_apply(&analysis->line_scale, analysis->first_ticks);
    lanes->column = column_of(lanes, inputs);
    lanes->vcpus = vcpu_map_new(inputs);
    lanes->lanes = g_ptr_array_new_with_free_func(lane_free);
    lanes->vcpu_lanes = g_ptr_array_new();
    g_ptr_array_set_size(lanes->vcpu_lanes, (gint)analysis->vcpus->len);
    lanes->cpus = g_array_new(FALSE, FALSE, sizeof(Cpus));
    g_array_set_clear_func(lanes->cpus, clear_cpus);
    for (guint i = 0; i < inputs->len; i++) {
        add_cpus(lanes, inputs->pdata[i]);
    }
    return lanes;
}

/* What each CPU of a machine ran until the machine's recording ended. */
static void end_cpus(const Cpus *cpus)
{
    for (guint cpu = 0; cpu < cpus->lanes->len; cpu++) {
        Lane *lane = cpus->lanes->pdata[cpu];

        if (lane) {
            lane_add(lane, lane->since, cpus->last, lane->running);
        }
    }
}

PageLanes *page_lanes_collect(const Analysis *analysis, GPtrArray *inputs,
                              const GArray *windows)
{
    PageLanes *lanes = lanes_new(analysis, inputs, windows);
    const AnalysisOptions options = {
        .n_findings = 1,
        .on_event = on_event,
        .on_segment = on_segment,
        .data = lanes,
    };
    g_autoptr(Analysis) again = analysis_make(inputs, &options);

    for (guint i = 0; i < lanes->cpus->len; i++) {
        end_cpus(&g_array_index(lanes->cpus, Cpus, i));
    }
    for (guint i = 0; i < lanes->lanes->len; i++) {
        lane_end(lanes->lanes->pdata[i]);
    }
    return lanes;
}

void page_lanes_free(PageLanes *lanes)
{
    if (lanes) {
        g_ptr_array_unref(lanes->lanes);
        g_ptr_array_unref(lanes->vcpu_lanes);
        g_array_unref(lanes->cpus);
        vcpu_map_free(lanes->vcpus);
        g_free(lanes);
    }
}

static void append_runs(const RunList *list, GString *json)
{
    const GByteArray *bytes = run_list_bytes(list);
    g_autofree char *text = g_base64_encode(bytes->data, bytes->len);

    g_string_append(json, "{\"from\":");
    json_line_uint(json, run_list_from(list));
    g_string_append(json, ",\"to\":");
    json_line_uint(json, run_list_to(list));
    g_string_append(json, ",\"column\":");
    json_line_uint(json, run_list_column(list));
    g_string_append_printf(json, ",\"runs\":\"%s\"}", text);
}

static void append_lane(const Lane *lane, GString *json)
{
    static const char *const types[] = {"host-cpu", "vcpu", "guest-cpu"};

    g_string_append_printf(json,
                           "{\"type\":\"%s\",\"machine\":", types[lane->type]);
    json_line_string(json, lane->machine, strlen(lane->machine));
    g_string_append_printf(json, ",\"cpu\":%u,\"items\":[%s],\"overview\":",
                           lane->cpu, lane->items->str);
    append_runs(lane->overview, json);
    g_string_append(json, ",\"windows\":[");
    for (guint i = 0; i < lane->windows->len; i++) {
        if (i > 0) {
            g_string_append_c(json, ',');
        }
        append_runs(lane->windows->pdata[i], json);
    }
    g_string_append(json, "]}");
}

void page_lanes_json(const PageLanes *lanes, GString *json)
{
    g_string_append_c(json, '[');
    for (guint i = 0; i < lanes->lanes->len; i++) {
        if (i > 0) {
            g_string_append(json, ",\n");
        }
        append_lane(lanes->lanes->pdata[i], json);
    }
    g_string_append_c(json, ']');
}
