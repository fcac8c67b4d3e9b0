/*
 * The json format: one object on each line; docs/json.md describes them.
 *
 * Built for speed: all that is the same for every event of a type, of a
 * machine or of a vCPU is made once and then copied.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <json-c/json_object.h>

#include "output/json-line.h"
#include "output/output.h"
#include "output/vcpu-map.h"

#define JSON_FORMAT_VERSION 1

#define N_EVENT_IDS 65536

/* One field: its key with quotes, colon and comma, then its value. */
typedef struct JsonField {
    const EventFieldType *type;
    GString *key;
} JsonField;

/* One event type of one machine. */
typedef struct JsonEvent {
    GString *name; /* ,"system":"S","event":"E","pid": */
    EventField pid;
    GArray *common; /* of JsonField, without type and pid */
    GArray *fields; /* of JsonField */
} JsonEvent;

typedef struct JsonMachine {
    const TimelineInput *input;
    GString *head;      /* "machine":"NAME","cpu": */
    JsonEvent **events; /* by event id, made when first seen */
} JsonMachine;

typedef struct JsonOutput {
    const OutputJob *job;
    VcpuMap *vcpus;
    GPtrArray *vcpu_texts; /* of GString, by the vCPU's index */
    GHashTable *machines;  /* TimelineInput -> JsonMachine */
    JsonMachine *last;     /* of the event before */
    GString *line;         /* reused */
    uint64_t n_events;
    uint64_t n_losses;
} JsonOutput;

static void string_free(gpointer data)
{
    g_string_free(data, TRUE);
}

static void field_clear(gpointer data)
{
    g_string_free(((JsonField *)data)->key, TRUE);
}

static void json_event_free(JsonEvent *event)
{
    if (event) {
        g_string_free(event->name, TRUE);
        g_array_unref(event->common);
        g_array_unref(event->fields);
        g_free(event);
    }
}

static void machine_free(gpointer data)
{
    JsonMachine *machine = data;

    for (guint i = 0; i < N_EVENT_IDS; i++) {
        json_event_free(machine->events[i]);
    }
    g_free(machine->events);
    g_string_free(machine->head, TRUE);
    g_free(machine);
}

static void json_free(gpointer state)
{
    JsonOutput *output = state;

    g_hash_table_unref(output->machines);
    g_ptr_array_unref(output->vcpu_texts);
    vcpu_map_free(output->vcpus);
    g_string_free(output->line, TRUE);
    g_free(output);
}

static bool flush_line(JsonOutput *output, GError **error)
{
    GString *line = output->line;

    g_string_append_c(line, '\n');
    if (fwrite(line->str, 1, line->len, output->job->stream) != line->len) {
        return output_fail_errno(output->job, error);
    }
    g_string_truncate(line, 0);
    return true;
}

/* Takes over the object. */
static bool write_object(JsonOutput *output, struct json_object *object,
                         GError **error)
{
    json_line_object(output->line, object);
    return flush_line(output, error);
}

static void add_string(struct json_object *object, const char *key,
                       const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    json_object_object_add(object, key, json_object_new_string(valid));
}

static struct json_object *describe_vcpus(const TimelineInput *input)
{
    struct json_object *list = json_object_new_array();

    for (guint cpu = 0; cpu < input->vcpu_threads->len; cpu++) {
        struct json_object *vcpu = json_object_new_object();
        int32_t tid = g_array_index(input->vcpu_threads, int32_t, cpu);

        json_object_object_add(vcpu, "cpu", json_object_new_int((int)cpu));
        json_object_object_add(vcpu, "thread_id", json_object_new_int(tid));
        json_object_array_add(list, vcpu);
    }
    return list;
}

static bool write_machine(JsonOutput *output, const TimelineInput *input,
                          GError **error)
{
    const TimelineInput *host = vcpu_map_host_of(output->job->inputs, input);
    struct json_object *object = json_object_new_object();

    add_string(object, "type", "machine");
    add_string(object, "machine", input->label);
    add_string(object, "role", input->vcpu_threads ? "guest" : "host");
    add_string(object, "file", input->dat->path);
    add_string(object, "clock", input->dat->clock);
    add_string(object, "time",
               input->scale.unit == TIMELINE_TICKS ? "ticks" : "ns");
    json_object_object_add(object, "trace_id",
                           json_object_new_uint64(
                               input->dat->options.trace_id));
    json_object_object_add(object, "cpus",
                           json_object_new_int((int)input->dat->cpus->len));
    if (host) {
        add_string(object, "host", host->label);
    }
    if (input->vcpu_threads) {
        json_object_object_add(object, "vcpus", describe_vcpus(input));
    }
    return write_object(output, object, error);
}

static bool write_header(JsonOutput *output, GError **error)
{
    struct json_object *object = json_object_new_object();

    add_string(object, "type", "header");
    json_object_object_add(object, "format",
                           json_object_new_int(JSON_FORMAT_VERSION));
    add_string(object, "written_by", "qemu-trace-merge " PROJECT_VERSION);
    return write_object(output, object, error);
}

static void add_machine(JsonOutput *output, const TimelineInput *input)
{
    JsonMachine *machine = g_new0(JsonMachine, 1);

    machine->input = input;
    machine->events = g_new0(JsonEvent *, N_EVENT_IDS);
    machine->head = g_string_new("\"machine\":");
    json_line_string(machine->head, input->label, strlen(input->label));
    g_string_append(machine->head, ",\"cpu\":");
    g_hash_table_insert(output->machines, (gpointer)input, machine);
}

static void add_vcpu(JsonOutput *output, const Vcpu *vcpu)
{
    GString *text = g_string_new(",\"vcpu\":{\"machine\":");

    json_line_string(text, vcpu->guest->label, strlen(vcpu->guest->label));
    g_string_append_printf(text, ",\"cpu\":%u,\"thread_id\":%d}", vcpu->cpu,
                           vcpu->thread_id);
    g_ptr_array_add(output->vcpu_texts, text);
}

static gpointer json_begin(const OutputJob *job, GError **error)
{
    JsonOutput *output = g_new0(JsonOutput, 1);
    bool ok;

    output->job = job;
    output->line = g_string_sized_new(4096);
    output->vcpus = vcpu_map_new(job->inputs);
    output->machines = g_hash_table_new_full(NULL, NULL, NULL, machine_free);
    output->vcpu_texts = g_ptr_array_new_with_free_func(string_free);
    for (guint i = 0; i < vcpu_map_size(output->vcpus); i++) {
        add_vcpu(output, vcpu_map_at(output->vcpus, i));
    }
    ok = write_header(output, error);
    for (guint i = 0; ok && i < job->inputs->len; i++) {
        const TimelineInput *input = job->inputs->pdata[i];

        add_machine(output, input);
        ok = input->is_hidden || write_machine(output, input, error);
    }
    if (!ok) {
        json_free(output);
        return NULL;
    }
    return output;
}

/* A hostile format may use a name twice; an object's keys must differ. */
static unsigned count_name(const EventType *type, unsigned before)
{
    unsigned n = 0;

    for (unsigned i = 0; i < before; i++) {
        n += strcmp(type->fields[i].name, type->fields[before].name) == 0;
    }
    return n;
}

static void add_field(GArray *fields, const EventType *type, unsigned i,
                      const char *name, bool is_first)
{
    unsigned n_same = count_name(type, i);
    g_autofree char *unique =
        n_same ? g_strdup_printf("%s#%u", name, n_same + 1) : g_strdup(name);
    JsonField field = {.type = &type->fields[i], .key = g_string_new(NULL)};

    if (!is_first) {
        g_string_append_c(field.key, ',');
    }
    json_line_string(field.key, unique, strlen(unique));
    g_string_append_c(field.key, ':');
    g_array_append_val(fields, field);
}

static JsonEvent *json_event_new(const EventType *type)
{
    static const char prefix[] = "common_";
    const EventFieldType *pid = event_type_find(type, "common_pid");
    JsonEvent *event = g_new0(JsonEvent, 1);

    event->name = g_string_new(",\"system\":");
    json_line_string(event->name, type->system, strlen(type->system));
    g_string_append(event->name, ",\"event\":");
    json_line_string(event->name, type->name, strlen(type->name));
    g_string_append(event->name, ",\"pid\":");
    event->pid = pid ? pid->where : (EventField){.offset_bytes = -1};
    event->common = g_array_new(FALSE, FALSE, sizeof(JsonField));
    event->fields = g_array_new(FALSE, FALSE, sizeof(JsonField));
    g_array_set_clear_func(event->common, field_clear);
    g_array_set_clear_func(event->fields, field_clear);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const char *name = type->fields[i].name;

        if (i >= type->n_common) {
            add_field(event->fields, type, i, name, event->fields->len == 0);
        } else if (strcmp(name, "common_type") != 0 &&
                   pid != &type->fields[i]) {
            name += g_str_has_prefix(name, prefix) ? sizeof(prefix) - 1 : 0;
            add_field(event->common, type, i, name, false);
        }
    }
    return event;
}

static const JsonEvent *find_event(JsonMachine *machine, int id)
{
    const EventType *type;

    if (id < 0 || id >= N_EVENT_IDS) {
        return NULL;
    }
    if (!machine->events[id]) {
        type = event_table_type(machine->input->events, id);
        machine->events[id] = type ? json_event_new(type) : NULL;
    }
    return machine->events[id];
}

static void append_number(GString *line, const EventField *field, int64_t value)
{
    if (field->is_signed) {
        json_line_int(line, value);
    } else {
        json_line_uint(line, (uint64_t)value);
    }
}

static void append_numbers(GString *line, const EventFieldType *type,
                           const EventSpan *span)
{
    g_string_append_c(line, '[');
    for (size_t i = 0; i < span->size_bytes / type->element_bytes; i++) {
        if (i > 0) {
            g_string_append_c(line, ',');
        }
        append_number(line, &type->where, event_field_element(type, span, i));
    }
    g_string_append_c(line, ']');
}

static void append_fields(GString *line, const GArray *fields,
                          const CpuEvent *event)
{
    for (guint i = 0; i < fields->len; i++) {
        const JsonField *field = &g_array_index(fields, JsonField, i);
        const EventFieldType *type = field->type;
        EventSpan span;

        json_line_raw(line, field->key->str, field->key->len);
        if (type->kind == EVENT_FIELD_NUMBER) {
            append_number(line, &type->where,
                          event_field_read(&type->where, event->data,
                                           event->size_bytes));
            continue;
        }
        span = event_field_span(type, event->data, event->size_bytes);
        if (type->kind == EVENT_FIELD_STRING) {
            json_line_string(line, (const char *)span.data, span.size_bytes);
        } else if (type->kind == EVENT_FIELD_NUMBERS) {
            append_numbers(line, type, &span);
        } else {
            json_line_hex(line, span.data, span.size_bytes);
        }
    }
}

static JsonMachine *find_machine(JsonOutput *output, const TimelineInput *input)
{
    if (!output->last || output->last->input != input) {
        output->last = g_hash_table_lookup(output->machines, input);
    }
    return output->last;
}

static void append_times(GString *line, const TimelineEvent *event)
{
    uint64_t error_ticks = event->event.error_ticks;

    if (event->input->scale.unit != TIMELINE_TICKS) {
        json_line_literal(line, ",\"time_ns\":");
        json_line_uint(line, event->time);
    }
    json_line_literal(line, ",\"host_ticks\":");
    json_line_uint(line, event->event.line_ticks);
    json_line_literal(line, ",\"ticks\":");
    json_line_uint(line, event->event.ticks);
    json_line_literal(line, ",\"error_ticks\":");
    if (error_ticks == CLOCK_ERROR_UNKNOWN) {
        json_line_literal(line, "null");
    } else {
        json_line_uint(line, error_ticks);
    }
}

static void append_head(JsonOutput *output, const JsonMachine *machine,
                        const TimelineEvent *event)
{
    json_line_raw(output->line, machine->head->str, machine->head->len);
    json_line_uint(output->line, event->cpu);
    append_times(output->line, event);
}

static bool json_loss(gpointer state, const TimelineEvent *event,
                      GError **error)
{
    JsonOutput *output = state;
    int64_t missed = event->event.missed_events;

    output->n_losses++;
    json_line_literal(output->line, "{\"type\":\"loss\",");
    append_head(output, find_machine(output, event->input), event);
    json_line_literal(output->line, ",\"events\":");
    if (missed < 0) {
        json_line_literal(output->line, "null}");
    } else {
        json_line_int(output->line, missed);
        g_string_append_c(output->line, '}');
    }
    return flush_line(output, error);
}

/* Who recorded it and where: pid, comm, common fields, vCPU. */
static void append_task(JsonOutput *output, const JsonEvent *type,
                        const TimelineEvent *event)
{
    const CpuEvent *record = &event->event;
    GString *line = output->line;
    int32_t pid =
        (int32_t)event_field_read(&type->pid, record->data, record->size_bytes);
    const char *comm = event_table_comm(event->input->events, pid);
    const Vcpu *vcpu = vcpu_map_of_cpu(output->vcpus, event->input, event->cpu);

    if (!vcpu) {
        vcpu = vcpu_map_of_thread(output->vcpus, event->input, pid);
    }
    json_line_int(line, pid);
    json_line_literal(line, ",\"comm\":");
    json_line_string(line, comm, strlen(comm));
    append_fields(line, type->common, record);
    if (vcpu) {
        const GString *text = output->vcpu_texts->pdata[vcpu->index];

        json_line_raw(line, text->str, text->len);
    }
}

static bool json_event(gpointer state, const TimelineEvent *event,
                       GError **error)
{
    JsonOutput *output = state;
    const CpuEvent *record = &event->event;
    JsonMachine *machine = find_machine(output, event->input);
    int id = event_record_id(record->data, record->size_bytes);
    const JsonEvent *type = find_event(machine, id);
    GString *line = output->line;

    output->n_events++;
    json_line_literal(line, "{\"type\":\"event\",");
    append_head(output, machine, event);
    if (type) {
        json_line_raw(line, type->name->str, type->name->len);
        append_task(output, type, event);
        json_line_literal(line, ",\"fields\":{");
        append_fields(line, type->fields, record);
        json_line_literal(line, "}}");
    } else {
        json_line_literal(line, ",\"system\":null,\"event\":null,\"bytes\":");
        json_line_hex(line, record->data, record->size_bytes);
        g_string_append_c(line, '}');
    }
    return flush_line(output, error);
}

/* Tells whoever reads a pipe that nothing is missing. */
static bool json_end(gpointer state, GError **error)
{
    JsonOutput *output = state;
    struct json_object *object = json_object_new_object();

    add_string(object, "type", "end");
    json_object_object_add(object, "events",
                           json_object_new_uint64(output->n_events));
    json_object_object_add(object, "losses",
                           json_object_new_uint64(output->n_losses));
    return write_object(output, object, error);
}

const OutputOps json_output_ops = {
    .name = "json",
    .summary = "one JSON object on each line, with all fields",
    .begin = json_begin,
    .loss = json_loss,
    .event = json_event,
    .end = json_end,
    .free = json_free,
};
