/*
 * CtfTypes: how a machine's events are written in the Common Trace Format.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "output/ctf-types.h"

#include <stdbool.h>
#include <string.h>

#include "output/clean-text.h"

#define N_EVENT_IDS 65536

/* No event of the kernel has this number. */
#define UNKNOWN_ID 0

/* One field: readers take one underscore off its name. */
typedef struct CtfField {
    const EventFieldType *type;
    char *name;
    guint fixed_elements; /* of an array whose length is the format's */
} CtfField;

typedef struct CtfEvent {
    const EventType *type;
    EventField pid;
    GArray *fields; /* of CtfField */
} CtfEvent;

struct CtfTypes {
    EventTable *events;
    CtfEvent **by_id; /* made when first asked for */
    bool has_unknown;
    GString *text; /* reused */
};

const char ctf_types_context_metadata[] = "    event.context := struct {\n"
                                          "        u64 _ticks;\n"
                                          "        u64 _host_ticks;\n"
                                          "        u64 _error_ticks;\n"
                                          "        s32 _pid;\n"
                                          "        string _comm;\n"
                                          "        string _vcpu;\n"
                                          "    };\n"
                                          "};\n\n";

CtfTypes *ctf_types_new(EventTable *events)
{
    CtfTypes *types = g_new0(CtfTypes, 1);

    types->events = events;
    types->by_id = g_new0(CtfEvent *, N_EVENT_IDS);
    types->text = g_string_new(NULL);
    return types;
}

static void field_clear(gpointer data)
{
    g_free(((CtfField *)data)->name);
}

void ctf_types_free(CtfTypes *types)
{
    if (!types) {
        return;
    }
    for (guint i = 0; i < N_EVENT_IDS; i++) {
        if (types->by_id[i]) {
            g_array_unref(types->by_id[i]->fields);
            g_free(types->by_id[i]);
        }
    }
    g_free(types->by_id);
    g_string_free(types->text, TRUE);
    g_free(types);
}

static bool has_name(const GArray *fields, const char *name)
{
    for (guint i = 0; i < fields->len; i++) {
        if (strcmp(g_array_index(fields, CtfField, i).name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* An identifier of TSDL that no field before it has. */
static char *field_name(const GArray *fields, const char *recorded)
{
    g_autofree char *plain = g_strdup(recorded);
    char *name;

    g_strcanon(plain, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_", '_');
    name = g_strconcat("_", plain, NULL);
    for (guint n = 2; has_name(fields, name); n++) {
        g_free(name);
        name = g_strdup_printf("_%s_%u", plain, n);
    }
    return name;
}

static bool is_array(const EventFieldType *type)
{
    return type->kind == EVENT_FIELD_NUMBERS || type->kind == EVENT_FIELD_BYTES;
}

static CtfEvent *event_new(const EventType *type)
{
    CtfEvent *event = g_new0(CtfEvent, 1);
    const EventFieldType *pid = event_type_find(type, "common_pid");

    event->type = type;
    event->pid = pid ? pid->where : (EventField){.offset_bytes = -1};
    event->fields = g_array_new(FALSE, FALSE, sizeof(CtfField));
    g_array_set_clear_func(event->fields, field_clear);
    for (unsigned i = 0; i < type->n_fields; i++) {
        CtfField field = {.type = &type->fields[i]};

        /* The number and the context have them already. */
        if (field.type == pid || strcmp(field.type->name, "common_type") == 0) {
            continue;
        }
        field.name = field_name(event->fields, field.type->name);
        if (is_array(field.type) && field.type->place == EVENT_PLACE_FIXED) {
            field.fixed_elements = (guint)MAX(field.type->where.size_bytes, 0) /
                                   field.type->element_bytes;
        }
        g_array_append_val(event->fields, field);
    }
    return event;
}

static const CtfEvent *find_event(CtfTypes *types, int id)
{
    const EventType *type;

    if (id <= UNKNOWN_ID || id >= N_EVENT_IDS) {
        return NULL;
    }
    if (!types->by_id[id]) {
        type = event_table_type(types->events, id);
        types->by_id[id] = type ? event_new(type) : NULL;
    }
    return types->by_id[id];
}

uint16_t ctf_types_id(CtfTypes *types, const CpuEvent *event)
{
    int id = event_record_id(event->data, event->size_bytes);

    return find_event(types, id) ? (uint16_t)id : UNKNOWN_ID;
}

static void append_bytes(GByteArray *to, const void *data, gsize size)
{
    g_byte_array_append(to, data, (guint)size);
}

static void append_string(CtfTypes *types, GByteArray *to, const char *text,
                          gsize length)
{
    static const char end = '\0';

    if (clean_text_is_plain(text, length)) {
        append_bytes(to, text, length);
    } else {
        g_string_truncate(types->text, 0);
        clean_text_append(types->text, text, length);
        append_bytes(to, types->text->str, types->text->len);
    }
    append_bytes(to, &end, 1);
}

void ctf_types_append_context(CtfTypes *types, GByteArray *to,
                              const CpuEvent *event, const char *vcpu)
{
    const CtfEvent *known =
        find_event(types, event_record_id(event->data, event->size_bytes));
    int32_t pid = known ? (int32_t)event_field_read(&known->pid, event->data,
                                                    event->size_bytes)
                        : -1;
    const char *comm = known ? event_table_comm(types->events, pid) : "";

    append_bytes(to, &event->ticks, sizeof(event->ticks));
    append_bytes(to, &event->line_ticks, sizeof(event->line_ticks));
    append_bytes(to, &event->error_ticks, sizeof(event->error_ticks));
    append_bytes(to, &pid, sizeof(pid));
    append_string(types, to, comm, strlen(comm));
    append_string(types, to, vcpu, strlen(vcpu));
}

static void append_sequence(GByteArray *to, const uint8_t *data, gsize size,
                            unsigned element_bytes)
{
    uint32_t length = (uint32_t)(size / element_bytes);

    append_bytes(to, &length, sizeof(length));
    append_bytes(to, data, (gsize)length * element_bytes);
}

/* A record that is too short for it has zeros there. */
static void append_fixed(GByteArray *to, const EventSpan *span, gsize size)
{
    guint before = to->len;

    g_byte_array_set_size(to, before + (guint)size);
    memset(to->data + before, 0, size);
    memcpy(to->data + before, span->data, MIN(size, span->size_bytes));
}

static void append_field(CtfTypes *types, GByteArray *to, const CtfField *field,
                         const CpuEvent *event)
{
    const EventFieldType *type = field->type;
    EventSpan span = event_field_span(type, event->data, event->size_bytes);

    if (type->kind == EVENT_FIELD_NUMBER) {
        append_fixed(to, &span, (gsize)type->where.size_bytes);
    } else if (type->kind == EVENT_FIELD_STRING) {
        append_string(types, to, (const char *)span.data, span.size_bytes);
    } else if (field->fixed_elements > 0) {
        append_fixed(to, &span,
                     (gsize)field->fixed_elements * type->element_bytes);
    } else {
        append_sequence(to, span.data, span.size_bytes, type->element_bytes);
    }
}

void ctf_types_append_fields(CtfTypes *types, GByteArray *to,
                             const CpuEvent *event)
{
    const CtfEvent *known =
        find_event(types, event_record_id(event->data, event->size_bytes));

    if (!known) {
        types->has_unknown = true;
        append_sequence(to, event->data, event->size_bytes, 1);
        return;
    }
    for (guint i = 0; i < known->fields->len; i++) {
        append_field(types, to, &g_array_index(known->fields, CtfField, i),
                     event);
    }
}

void ctf_append_quoted(GString *to, const char *text)
{
    g_autoptr(GString) clean = g_string_new(NULL);

    clean_text_append(clean, text, strlen(text));
    g_string_append_c(to, '"');
    for (const char *at = clean->str; *at; at++) {
        if (*at == '"' || *at == '\\') {
            g_string_append_c(to, '\\');
        }
        g_string_append_c(to, *at);
    }
    g_string_append_c(to, '"');
}

static void describe_field(GString *to, const CtfField *field)
{
    const EventFieldType *type = field->type;
    unsigned bytes = type->kind == EVENT_FIELD_NUMBER
                         ? (unsigned)type->where.size_bytes
                         : type->element_bytes;
    char sign =
        type->kind != EVENT_FIELD_BYTES && type->where.is_signed ? 's' : 'u';

    if (type->kind == EVENT_FIELD_STRING) {
        g_string_append_printf(to, "        string %s;\n", field->name);
    } else if (type->kind == EVENT_FIELD_NUMBER) {
        g_string_append_printf(to, "        %c%u %s;\n", sign, 8 * bytes,
                               field->name);
    } else if (field->fixed_elements > 0) {
        g_string_append_printf(to, "        %c%u %s[%u];\n", sign, 8 * bytes,
                               field->name, field->fixed_elements);
    } else {
        g_string_append_printf(to,
                               "        u32 _%s_length;\n"
                               "        %c%u %s[_%s_length];\n",
                               field->name, sign, 8 * bytes, field->name,
                               field->name);
    }
}

static void describe_event(GString *to, const CtfEvent *event)
{
    g_string_append(to, "event {\n    name = ");
    ctf_append_quoted(to, event->type->name);
    g_string_append_printf(to,
                           ";\n    id = %d;\n    stream_id = 0;\n"
                           "    fields := struct {\n",
                           event->type->id);
    for (guint i = 0; i < event->fields->len; i++) {
        describe_field(to, &g_array_index(event->fields, CtfField, i));
    }
    g_string_append(to, "    };\n};\n\n");
}

void ctf_types_append_metadata(const CtfTypes *types, GString *to)
{
    for (guint i = 0; i < N_EVENT_IDS; i++) {
        if (types->by_id[i]) {
            describe_event(to, types->by_id[i]);
        }
    }
    if (types->has_unknown) {
        g_string_append(to, "event {\n    name = \"unknown\";\n"
                            "    id = 0;\n    stream_id = 0;\n"
                            "    fields := struct {\n"
                            "        u32 __bytes_length;\n"
                            "        u8 _bytes[__bytes_length];\n"
                            "    };\n};\n");
    }
}
