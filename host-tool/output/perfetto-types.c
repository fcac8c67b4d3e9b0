/*
 * PerfettoTypes: how a machine's event types are written for Perfetto.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/perfetto-types.h"

#include <string.h>

#include "output/clean-text.h"

#define N_EVENT_IDS 65536

/*
 * Perfetto takes payload fields below 32 only (kMaxAllowedFields in
 * generic_ftrace_tracker.cc): what an event has more goes into the last one.
 */
#define MAX_GENERIC_FIELDS 31

/* google/protobuf/descriptor.proto */
#define LABEL_OPTIONAL 1
#define TYPE_INT64     3
#define TYPE_UINT64    4
#define TYPE_STRING    9

#define WIRE_VARINT 0
#define WIRE_LENGTH 2

#define MAX_VARINT_BYTES 10

typedef struct NativeField {
    const EventFieldType *from;
    const ProtobufCFieldDescriptor *to;
} NativeField;

struct PerfettoTypes {
    EventTable *events;
    uint32_t *next_generic_id;
    PerfettoType **by_id;
};

PerfettoTypes *perfetto_types_new(EventTable *events, uint32_t *next_generic_id)
{
    PerfettoTypes *types = g_new0(PerfettoTypes, 1);

    types->events = events;
    types->next_generic_id = next_generic_id;
    types->by_id = g_new0(PerfettoType *, N_EVENT_IDS);
    return types;
}

void perfetto_types_free(PerfettoTypes *types)
{
    if (!types) {
        return;
    }
    for (guint i = 0; i < N_EVENT_IDS; i++) {
        if (types->by_id[i]) {
            g_clear_pointer(&types->by_id[i]->native_fields, g_array_unref);
            g_free(types->by_id[i]);
        }
    }
    g_free(types->by_id);
    g_free(types);
}

static unsigned own_fields(const EventType *event)
{
    return event->n_fields - event->n_common;
}

static const ProtobufCFieldDescriptor *find_native(const EventType *event)
{
    static const char *const systems[] = {"sched", "irq", "task"};
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(
            &perfetto__ftrace_event__descriptor, event->name);

    if (!field || field->type != PROTOBUF_C_TYPE_MESSAGE) {
        return NULL;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(systems); i++) {
        if (strcmp(event->system, systems[i]) == 0) {
            return field;
        }
    }
    return NULL;
}

static bool fits(const EventFieldType *from, const ProtobufCFieldDescriptor *to)
{
    return from->kind == (to->type == PROTOBUF_C_TYPE_STRING
                              ? EVENT_FIELD_STRING
                              : EVENT_FIELD_NUMBER);
}

/* Perfetto's scheduling tracks are made of these alone. */
static bool makes_tracks(const EventType *event)
{
    return g_str_has_prefix(event->name, "sched_switch") ||
           g_str_has_prefix(event->name, "sched_wak");
}

/*
 * NULL when a field of the event has no place in the message; the event is
 * then better written as a generic one.
 */
static GArray *map_fields(const EventType *event,
                          const ProtobufCMessageDescriptor *message)
{
    g_autoptr(GArray) fields = g_array_new(FALSE, FALSE, sizeof(NativeField));

    for (unsigned i = event->n_common; i < event->n_fields; i++) {
        NativeField field = {.from = &event->fields[i]};

        field.to =
            protobuf_c_message_descriptor_get_field_by_name(message,
                                                            field.from->name);
        if (field.to && fits(field.from, field.to)) {
            g_array_append_val(fields, field);
        } else if (!makes_tracks(event)) {
            return NULL;
        }
    }
    return g_steal_pointer(&fields);
}

/* Whether names are all that an event has; out gets its fields. */
static bool has_just(const EventType *event, const char *const *names,
                     unsigned n, const EventFieldType **out)
{
    for (unsigned i = 0; i < n; i++) {
        out[i] = event_type_find(event, names[i]);
        if (!out[i]) {
            return false;
        }
    }
    return own_fields(event) == n;
}

static PerfettoKind find_kind(PerfettoType *type)
{
    static const char *const switch_names[] = {
        "prev_comm", "prev_pid", "prev_prio", "prev_state",
        "next_comm", "next_pid", "next_prio",
    };
    static const char *const waking_names[] = {"comm", "pid", "prio",
                                               "target_cpu"};
    const EventFieldType *fields[G_N_ELEMENTS(switch_names)];
    const EventType *event = type->event;

    if (!type->native) {
        return PERFETTO_OTHER;
    }
    if (strcmp(event->name, "sched_switch") == 0 &&
        has_just(event, switch_names, G_N_ELEMENTS(switch_names), fields)) {
        type->sched_switch = (PerfettoSwitch){
            fields[0], fields[1], fields[2], fields[3],
            fields[4], fields[5], fields[6],
        };
        return PERFETTO_SWITCH;
    }
    if (strcmp(event->name, "sched_waking") == 0 &&
        has_just(event, waking_names, G_N_ELEMENTS(waking_names), fields)) {
        type->sched_waking =
            (PerfettoWaking){fields[0], fields[1], fields[2], fields[3]};
        return PERFETTO_WAKING;
    }
    return PERFETTO_OTHER;
}

static EventField common_field(const EventType *event, const char *name)
{
    const EventFieldType *field = event_type_find(event, name);

    return field ? field->where : (EventField){.offset_bytes = -1};
}

static PerfettoType *type_new(const EventType *event, uint32_t *next_generic_id)
{
    PerfettoType *type = g_new0(PerfettoType, 1);

    type->event = event;
    type->pid = common_field(event, "common_pid");
    type->flags = common_field(event, "common_flags");
    type->native = find_native(event);
    if (type->native) {
        type->native_fields = map_fields(event, type->native->descriptor);
    }
    if (!type->native_fields) {
        type->native = NULL;
        type->generic_id = (*next_generic_id)++;
    }
    type->kind = find_kind(type);
    return type;
}

const PerfettoType *perfetto_types_find(PerfettoTypes *types, int event_id,
                                        bool *is_new)
{
    const EventType *event;

    *is_new = false;
    if (event_id < 0 || event_id >= N_EVENT_IDS) {
        return NULL;
    }
    if (!types->by_id[event_id]) {
        event = event_table_type(types->events, event_id);
        if (!event) {
            return NULL;
        }
        types->by_id[event_id] = type_new(event, types->next_generic_id);
        *is_new = true;
    }
    return types->by_id[event_id];
}

static char *copy_text(const char *text, gsize length, Arena *arena)
{
    char *copy = arena_take(arena, length + 1);

    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *perfetto_text(const EventSpan *span, Arena *arena)
{
    const char *text = (const char *)span->data;
    g_autoptr(GString) clean = NULL;

    if (clean_text_is_plain(text, span->size_bytes)) {
        return copy_text(text, span->size_bytes, arena);
    }
    clean = g_string_new(NULL);
    clean_text_append(clean, text, span->size_bytes);
    return copy_text(clean->str, clean->len, arena);
}

static char *clean_name(const char *name, Arena *arena)
{
    const EventSpan span = {(const uint8_t *)name, strlen(name)};

    return perfetto_text(&span, arena);
}

static int descriptor_type(const EventFieldType *field)
{
    if (field->kind != EVENT_FIELD_NUMBER) {
        return TYPE_STRING;
    }
    return field->where.is_signed ? TYPE_INT64 : TYPE_UINT64;
}

static void describe_field(Perfetto__FieldDescriptorProto *to, unsigned number,
                           const char *name, int type)
{
    perfetto__field_descriptor_proto__init(to);
    to->name = (char *)name;
    to->has_number = true;
    to->number = (int)number;
    to->has_label = true;
    to->label = LABEL_OPTIONAL;
    to->has_type = true;
    to->type = type;
}

static Perfetto__DescriptorProto *describe_event(const EventType *event,
                                                 Arena *arena)
{
    unsigned n = MIN(own_fields(event), MAX_GENERIC_FIELDS);
    Perfetto__DescriptorProto *to = arena_take(arena, sizeof(*to));
    Perfetto__FieldDescriptorProto *fields =
        arena_take(arena, n * sizeof(*fields));

    perfetto__descriptor_proto__init(to);
    to->name = clean_name(event->name, arena);
    to->n_field = n;
    to->field = arena_take(arena, n * sizeof(*to->field));
    for (unsigned i = 0; i < n; i++) {
        const EventFieldType *field = &event->fields[event->n_common + i];
        bool is_rest = i == MAX_GENERIC_FIELDS - 1 && own_fields(event) > n;

        describe_field(&fields[i], i + 1,
                       is_rest ? "more_fields" : clean_name(field->name, arena),
                       is_rest ? TYPE_STRING : descriptor_type(field));
        to->field[i] = &fields[i];
    }
    return to;
}

Perfetto__FtraceEventBundle__GenericEventDescriptor *
perfetto_type_describe(const PerfettoType *type, Arena *arena)
{
    Perfetto__FtraceEventBundle__GenericEventDescriptor *to =
        arena_take(arena, sizeof(*to));

    perfetto__ftrace_event_bundle__generic_event_descriptor__init(to);
    to->has_field_id = true;
    to->field_id = (int)type->generic_id;
    to->group_name = clean_name(type->event->system, arena);
    to->event_descriptor = describe_event(type->event, arena);
    return to;
}

/* A member of a message, where protobuf-c's descriptor says it is. */
static void set_member(ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *to, int64_t value)
{
    uint8_t *base = (uint8_t *)message;
    const protobuf_c_boolean has = true;
    const uint32_t word = (uint32_t)value;

    memcpy(base + to->quantifier_offset, &has, sizeof(has));
    if (to->type == PROTOBUF_C_TYPE_INT64 ||
        to->type == PROTOBUF_C_TYPE_UINT64) {
        memcpy(base + to->offset, &value, sizeof(value));
    } else {
        memcpy(base + to->offset, &word, sizeof(word));
    }
}

static ProtobufCMessage *make_native(const PerfettoType *type,
                                     const CpuEvent *event, Arena *arena)
{
    const ProtobufCMessageDescriptor *descriptor = type->native->descriptor;
    ProtobufCMessage *message = arena_take(arena, descriptor->sizeof_message);

    protobuf_c_message_init(descriptor, message);
    for (guint i = 0; i < type->native_fields->len; i++) {
        const NativeField *field =
            &g_array_index(type->native_fields, NativeField, i);

        if (field->to->type == PROTOBUF_C_TYPE_STRING) {
            EventSpan span =
                event_field_span(field->from, event->data, event->size_bytes);
            char *text = perfetto_text(&span, arena);

            memcpy((uint8_t *)message + field->to->offset, &text, sizeof(text));
        } else {
            set_member(message, field->to,
                       event_field_read(&field->from->where, event->data,
                                        event->size_bytes));
        }
    }
    return message;
}

static gsize put_varint(uint8_t *to, uint64_t value)
{
    gsize n = 0;

    while (value >= 0x80) {
        to[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    to[n++] = (uint8_t)value;
    return n;
}

static void append_varint(GString *to, uint64_t value)
{
    uint8_t bytes[MAX_VARINT_BYTES];

    g_string_append_len(to, (const char *)bytes,
                        (gssize)put_varint(bytes, value));
}

static void append_numbers(GString *to, const EventFieldType *field,
                           const EventSpan *span)
{
    for (size_t i = 0; i < span->size_bytes / field->element_bytes; i++) {
        int64_t value = event_field_element(field, span, i);

        g_string_append_printf(to,
                               field->where.is_signed ? "%s%" G_GINT64_FORMAT
                                                      : "%s%" G_GUINT64_FORMAT,
                               i ? "," : "", value);
    }
}

/* As text: what isn't a number has no other form in a generic event. */
static void append_value(GString *to, const EventFieldType *field,
                         const CpuEvent *event)
{
    EventSpan span = event_field_span(field, event->data, event->size_bytes);

    if (field->kind == EVENT_FIELD_STRING) {
        clean_text_append(to, (const char *)span.data, span.size_bytes);
    } else if (field->kind == EVENT_FIELD_NUMBERS) {
        append_numbers(to, field, &span);
    } else if (field->kind == EVENT_FIELD_NUMBER) {
        int64_t value =
            event_field_read(&field->where, event->data, event->size_bytes);

        g_string_append_printf(to,
                               field->where.is_signed ? "%" G_GINT64_FORMAT
                                                      : "%" G_GUINT64_FORMAT,
                               value);
    } else {
        for (size_t i = 0; i < span.size_bytes; i++) {
            g_string_append_printf(to, "%02x", span.data[i]);
        }
    }
}

static void append_text_field(GString *payload, unsigned number,
                              const GString *text)
{
    append_varint(payload, (uint64_t)number << 3 | WIRE_LENGTH);
    append_varint(payload, text->len);
    g_string_append_len(payload, text->str, (gssize)text->len);
}

static void append_field(GString *payload, unsigned number,
                         const EventFieldType *field, const CpuEvent *event)
{
    if (field->kind == EVENT_FIELD_NUMBER) {
        append_varint(payload, (uint64_t)number << 3 | WIRE_VARINT);
        append_varint(payload,
                      (uint64_t)event_field_read(&field->where, event->data,
                                                 event->size_bytes));
    } else {
        g_autoptr(GString) text = g_string_new(NULL);

        append_value(text, field, event);
        append_text_field(payload, number, text);
    }
}

static void append_rest(GString *payload, const EventType *type, unsigned first,
                        const CpuEvent *event)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = first; i < type->n_fields; i++) {
        const EventFieldType *field = &type->fields[i];

        g_string_append(text, i > first ? " " : "");
        clean_text_append(text, field->name, strlen(field->name));
        g_string_append_c(text, '=');
        append_value(text, field, event);
    }
    append_text_field(payload, MAX_GENERIC_FIELDS, text);
}

static GString *make_payload(const EventType *type, const CpuEvent *event)
{
    GString *payload = g_string_new(NULL);

    for (unsigned i = type->n_common; i < type->n_fields; i++) {
        unsigned number = i - type->n_common + 1;

        if (number == MAX_GENERIC_FIELDS && i + 1 < type->n_fields) {
            append_rest(payload, type, i, event);
            break;
        }
        append_field(payload, number, &type->fields[i], event);
    }
    return payload;
}

/*
 * protobuf-c has no messages that are made at run time, but carries fields
 * that it doesn't know along: as their bytes, with the length in front.
 */
static ProtobufCMessageUnknownField *
make_generic(const PerfettoType *type, const CpuEvent *event, Arena *arena)
{
    g_autoptr(GString) payload = make_payload(type->event, event);
    ProtobufCMessageUnknownField *field = arena_take(arena, sizeof(*field));
    gsize prefix;

    field->tag = type->generic_id;
    field->wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    field->data = arena_take(arena, MAX_VARINT_BYTES + payload->len);
    prefix = put_varint(field->data, payload->len);
    memcpy(field->data + prefix, payload->str, payload->len);
    field->len = prefix + payload->len;
    return field;
}

Perfetto__FtraceEvent *perfetto_type_make(const PerfettoType *type,
                                          const TimelineEvent *event,
                                          Arena *arena)
{
    const CpuEvent *record = &event->event;
    Perfetto__FtraceEvent *to = arena_take(arena, sizeof(*to));
    int64_t flags =
        event_field_read(&type->flags, record->data, record->size_bytes);

    perfetto__ftrace_event__init(to);
    to->has_timestamp = true;
    to->timestamp = event->time;
    to->has_pid = true;
    to->pid = (uint32_t)event_field_read(&type->pid, record->data,
                                         record->size_bytes);
    to->has_common_flags = flags != 0;
    to->common_flags = (uint32_t)flags;
    if (type->native) {
        ProtobufCMessage *message = make_native(type, record, arena);

        memcpy((uint8_t *)to + type->native->offset, &message, sizeof(message));
    } else {
        to->base.n_unknown_fields = 1;
        to->base.unknown_fields = make_generic(type, record, arena);
    }
    return to;
}
