/*
 * EventType: one event type's name and fields, and reading fields by it.
 *
 * What an events/SYSTEM/NAME/format file says, without libtraceevent's types.
 * Formats and records may be hostile: a field is never read outside its
 * record, and no number here is trusted to fit another.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef EVENT_TYPE_H
#define EVENT_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <glib.h>

/* A number inside an event's record; offset_bytes -1 if there is no such. */
typedef struct EventField {
    int offset_bytes;
    int size_bytes;
    bool is_signed;
} EventField;

/* 0 when the field is missing or lies outside the record. */
int64_t event_field_read(const EventField *field, const uint8_t *data,
                         size_t size_bytes);

/* What a field holds. */
typedef enum EventFieldKind {
    EVENT_FIELD_NUMBER,  /* an integer of 1, 2, 4 or 8 bytes */
    EVENT_FIELD_STRING,  /* characters up to the first NUL, if there is one */
    EVENT_FIELD_NUMBERS, /* integers of element_bytes each */
    EVENT_FIELD_BYTES,   /* a structure, or anything else */
} EventFieldKind;

/* Where its bytes are. */
typedef enum EventFieldPlace {
    EVENT_PLACE_FIXED,    /* at its offset */
    EVENT_PLACE_REST,     /* from its offset to the end of the record */
    EVENT_PLACE_DATA_LOC, /* __data_loc: where a word at its offset says */
    EVENT_PLACE_REL_LOC,  /* __rel_loc: likewise, from the word's end on */
} EventFieldPlace;

typedef struct EventFieldType {
    char *name;
    EventFieldKind kind;
    EventFieldPlace place;
    EventField where; /* of the value, or of the word that locates it */
    /* Of NUMBERS: 1, 2, 4 or 8; where.is_signed is the elements'. */
    unsigned element_bytes;
} EventFieldType;

typedef struct EventType {
    int id; /* below 65536 */
    char *system;
    char *name;
    /* The common_ ones come first, then the event's own. */
    EventFieldType *fields;
    unsigned n_common;
    unsigned n_fields; /* of all */
} EventType;

/* libtraceevent's description of an event. */
struct tep_event;
EventType *event_type_new(const struct tep_event *event);
void event_type_free(EventType *type);

/* The field of this name, or NULL. */
const EventFieldType *event_type_find(const EventType *type, const char *name);

/* Bytes inside a record; they stay as long as the record. */
typedef struct EventSpan {
    const uint8_t *data;
    size_t size_bytes;
} EventSpan;

/*
 * The bytes of a field of any kind, as far as they lie inside the record: of
 * a string, without its NUL; of numbers, a whole number of elements.
 */
EventSpan event_field_span(const EventFieldType *field, const uint8_t *data,
                           size_t size_bytes);

/* Element i of a span of NUMBERS; 0 outside. */
int64_t event_field_element(const EventFieldType *field, const EventSpan *span,
                            size_t i);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EventType, event_type_free)

#endif
