/*
 * EventType: one event type's name and fields.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/event-type.h"

#include <string.h>
#include <traceevent/event-parse.h>

/* A __data_loc or __rel_loc word: length << 16 | offset. */
#define LOCATION_BYTES 4

int64_t event_field_read(const EventField *field, const uint8_t *data,
                         size_t size_bytes)
{
    uint64_t value = 0;
    unsigned unused_bits;

    if (field->offset_bytes < 0 || field->size_bytes <= 0 ||
        field->size_bytes > (int)sizeof(value) ||
        (size_t)field->offset_bytes > size_bytes ||
        (size_t)field->size_bytes > size_bytes - (size_t)field->offset_bytes) {
        return 0;
    }
    memcpy(&value, data + field->offset_bytes, (size_t)field->size_bytes);
    unused_bits = 64 - 8 * (unsigned)field->size_bytes;
    return field->is_signed ? (int64_t)(value << unused_bits) >> unused_bits
                            : (int64_t)value;
}

static bool is_number_size(unsigned long size)
{
    return size == 1 || size == 2 || size == 4 || size == 8;
}

static EventFieldPlace place_of(const struct tep_format_field *field)
{
    if (field->flags & TEP_FIELD_IS_DYNAMIC) {
        return field->flags & TEP_FIELD_IS_RELATIVE ? EVENT_PLACE_REL_LOC
                                                    : EVENT_PLACE_DATA_LOC;
    }
    /* "char buf[]" of the print event and its like have no size. */
    return field->size == 0 ? EVENT_PLACE_REST : EVENT_PLACE_FIXED;
}

static EventFieldKind kind_of(const struct tep_format_field *field)
{
    if (field->flags & TEP_FIELD_IS_STRING) {
        return EVENT_FIELD_STRING;
    }
    if (field->flags & (TEP_FIELD_IS_ARRAY | TEP_FIELD_IS_DYNAMIC)) {
        return is_number_size(field->elementsize) ? EVENT_FIELD_NUMBERS
                                                  : EVENT_FIELD_BYTES;
    }
    return is_number_size((unsigned long)field->size) ? EVENT_FIELD_NUMBER
                                                      : EVENT_FIELD_BYTES;
}

static void fill_field(EventFieldType *to, const struct tep_format_field *from)
{
    to->name = g_strdup(from->name);
    to->kind = kind_of(from);
    to->place = place_of(from);
    to->where = (EventField){
        .offset_bytes = from->offset,
        .size_bytes = from->size,
        .is_signed = from->flags & TEP_FIELD_IS_SIGNED,
    };
    to->element_bytes = to->kind == EVENT_FIELD_NUMBERS ? from->elementsize : 1;
}

static unsigned count(const struct tep_format_field *field)
{
    unsigned n = 0;

    for (; field; field = field->next) {
        n++;
    }
    return n;
}

EventType *event_type_new(const struct tep_event *event)
{
    EventType *type = g_new0(EventType, 1);
    EventFieldType *next;

    type->id = event->id;
    type->system = g_strdup(event->system);
    type->name = g_strdup(event->name);
    type->n_common = count(event->format.common_fields);
    type->n_fields = type->n_common + count(event->format.fields);
    type->fields = g_new0(EventFieldType, type->n_fields);
    next = type->fields;
    for (const struct tep_format_field *field = event->format.common_fields;
         field; field = field->next) {
        fill_field(next++, field);
    }
    for (const struct tep_format_field *field = event->format.fields; field;
         field = field->next) {
        fill_field(next++, field);
    }
    return type;
}

void event_type_free(EventType *type)
{
    if (!type) {
        return;
    }
    for (unsigned i = 0; i < type->n_fields; i++) {
        g_free(type->fields[i].name);
    }
    g_free(type->fields);
    g_free(type->system);
    g_free(type->name);
    g_free(type);
}

const EventFieldType *event_type_find(const EventType *type, const char *name)
{
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (strcmp(type->fields[i].name, name) == 0) {
            return &type->fields[i];
        }
    }
    return NULL;
}

/* Where a field's bytes begin and how many it claims to have. */
static bool locate(const EventFieldType *field, const uint8_t *data,
                   size_t size_bytes, size_t *offset, size_t *length)
{
    uint32_t word;

    if (field->where.offset_bytes < 0 || field->where.size_bytes < 0) {
        return false;
    }
    *offset = (size_t)field->where.offset_bytes;
    *length = (size_t)field->where.size_bytes;
    if (field->place == EVENT_PLACE_FIXED) {
        return true;
    }
    if (field->place == EVENT_PLACE_REST) {
        *length = size_bytes;
        return true;
    }
    if (size_bytes < LOCATION_BYTES || *offset > size_bytes - LOCATION_BYTES) {
        return false;
    }
    memcpy(&word, data + *offset, LOCATION_BYTES);
    *length = word >> 16;
    *offset = field->place == EVENT_PLACE_REL_LOC
                  ? *offset + LOCATION_BYTES + (word & 0xffff)
                  : word & 0xffff;
    return true;
}

EventSpan event_field_span(const EventFieldType *field, const uint8_t *data,
                           size_t size_bytes)
{
    size_t offset, length;
    EventSpan span = {.data = data};

    if (!locate(field, data, size_bytes, &offset, &length) ||
        offset >= size_bytes) {
        return span;
    }
    span.data = data + offset;
    span.size_bytes = MIN(length, size_bytes - offset);
    if (field->kind == EVENT_FIELD_STRING) {
        span.size_bytes = strnlen((const char *)span.data, span.size_bytes);
    } else if (field->kind == EVENT_FIELD_NUMBERS) {
        span.size_bytes -= span.size_bytes % field->element_bytes;
    }
    return span;
}

int64_t event_field_element(const EventFieldType *field, const EventSpan *span,
                            size_t i)
{
    EventField element = {
        .size_bytes = (int)field->element_bytes,
        .is_signed = field->where.is_signed,
    };

    if (i >= span->size_bytes / field->element_bytes) {
        return 0;
    }
    return event_field_read(&element, span->data + i * field->element_bytes,
                            field->element_bytes);
}
