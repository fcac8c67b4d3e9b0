/*
 * PrintProgram: an event's print format, compiled, and its interpreter.
 *
 * A program is a row of operations, each of which writes a literal, a number
 * or a string; numbers and strings are small trees over the record's fields.
 * Meaning and peculiarities are those of libtraceevent's print_event_cache(),
 * except that nothing outside the record is read, whatever it says.
 * print-compile.h makes programs; once made they are only read, from any
 * thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PRINT_PROGRAM_H
#define PRINT_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <glib.h>

#include "trace-data/print-text.h"
#include "trace-data/symbol-table.h"

/* A place in the record. */
typedef struct PrintField {
    uint32_t offset_bytes;
    uint32_t size_bytes;
    bool relative; /* __rel_loc: counts from behind the field itself */
} PrintField;

typedef enum PrintNumberKind {
    PRINT_CONSTANT,
    PRINT_FIELD,   /* unsigned, 0 where the record is too short */
    PRINT_ELEMENT, /* of an array at field, by index a */
    PRINT_DYNAMIC_ELEMENT,
    PRINT_DYNAMIC_SIZE, /* bytes of a dynamic array */
    PRINT_MASK,         /* a & value: a cast */
    PRINT_NOT,
    PRINT_INVERT,
    PRINT_IF, /* a ? b : c */
    PRINT_ADD,
    PRINT_SUBTRACT,
    PRINT_MULTIPLY,
    PRINT_DIVIDE,
    PRINT_MODULO,
    PRINT_AND,
    PRINT_OR,
    PRINT_AND_ALSO,
    PRINT_OR_ELSE,
    PRINT_SHIFT_LEFT,
    PRINT_SHIFT_RIGHT,
    PRINT_EQUAL,
    PRINT_UNEQUAL,
    PRINT_LESS,
    PRINT_LESS_EQUAL,
    PRINT_GREATER,
    PRINT_GREATER_EQUAL,
} PrintNumberKind;

typedef struct PrintNumber PrintNumber;

struct PrintNumber {
    PrintNumberKind kind;
    uint32_t element_bytes; /* of an element */
    PrintField field;
    uint64_t value; /* of a constant, a mask or a mask for an element */
    const PrintNumber *a;
    const PrintNumber *b;
    const PrintNumber *c;
};

/* A value and its name, of __print_flags() and __print_symbolic(). */
typedef struct PrintName {
    int64_t value;
    const char *text;
    uint32_t size;
} PrintName;

typedef enum PrintStringKind {
    PRINT_NOTHING,
    PRINT_ATOM,
    PRINT_FIELD_TEXT,    /* up to a NUL or the field's end; size 0: the rest */
    PRINT_FIELD_POINTER, /* a string of the kernel, by its address */
    PRINT_DYNAMIC_TEXT,
    PRINT_FLAGS,
    PRINT_SYMBOLIC,
    PRINT_HEX,     /* bytes with blanks in between */
    PRINT_HEX_STR, /* without */
    PRINT_NUMBERS, /* __print_array() */
    PRINT_BITMASK,
    PRINT_CPUMASK,
    PRINT_CHOICE, /* a ? yes : no */
} PrintStringKind;

typedef struct PrintString PrintString;

struct PrintString {
    PrintStringKind kind;
    bool dynamic; /* field holds a __data_loc of an array */
    PrintField field;
    uint32_t element_bytes;
    const char *text; /* of an atom, or the flags' delimiter */
    uint32_t text_size;
    const PrintNumber *number; /* value, condition or count */
    const PrintName *names;
    uint32_t n_names;
    const PrintString *yes;
    const PrintString *no;
};

/* What stands between % and the conversion of printf. */
typedef struct PrintSpec {
    bool left;
    bool zeros;
    bool prefix;             /* # */
    bool width_is_argument;  /* * before the point */
    bool limit_is_argument;  /* * behind it */
    char conversion;         /* d, u, x, X, o or s */
    uint8_t size_bytes;      /* of a number */
    int width;               /* 0: none */
    int limit;               /* the precision; -1: none */
    const PrintNumber *star; /* the argument of the * */
} PrintSpec;

typedef enum PrintOpKind {
    PRINT_OP_LITERAL, /* escaped already */
    PRINT_OP_UNSIGNED,
    PRINT_OP_SIGNED,
    PRINT_OP_HEX,
    PRINT_OP_NUMBER, /* as spec says */
    PRINT_OP_STRING,
    PRINT_OP_POINTER,
    PRINT_OP_SYMBOL,
    PRINT_OP_SYMBOL_OFFSET,
    PRINT_OP_UUID,
    PRINT_OP_FIELD, /* as tep_print_field_raw() shows a field */
} PrintOpKind;

typedef enum PrintRawKind {
    PRINT_RAW_SIGNED,
    PRINT_RAW_UNSIGNED,
    PRINT_RAW_HEX,
    PRINT_RAW_ARRAY,
    PRINT_RAW_STRING, /* or an array, when it doesn't look like one */
} PrintRawKind;

typedef struct PrintOp {
    PrintOpKind kind;
    PrintRawKind raw;
    bool dynamic;     /* of a raw field */
    bool upper_case;  /* of a UUID */
    bool is_guid;     /* its first numbers are little-endian */
    PrintField field; /* of a raw field or a UUID */
    const char *text;
    uint32_t text_size;
    bool ends_line; /* the literal ends with a newline, escaped or not */
    PrintSpec spec;
    const PrintNumber *number;
    const PrintString *string;
} PrintOp;

typedef struct PrintProgram {
    const PrintOp *ops;
    uint32_t n_ops;
} PrintProgram;

/* Where a time shows. */
typedef enum PrintTimeKind {
    PRINT_TIME_TICKS,
    PRINT_TIME_MICROSECONDS, /* of nanoseconds, rounded */
    PRINT_TIME_NANOSECONDS,
} PrintTimeKind;

/* Of one record: what programs and handlers work with. */
typedef struct PrintContext {
    PrintText *text;
    const uint8_t *data;
    uint32_t size_bytes;
    uint32_t long_bytes;
    const SymbolTable *symbols;
    SymbolCache *cache;
    GHashTable *kernel_strings; /* uint64_t address -> char *, escaped */
    GHashTable *guest_symbols;  /* vCPU thread id -> SymbolTable */
    int32_t pid;
    uint64_t time;
    PrintTimeKind time_kind;
    uint32_t indent;     /* of a function, in calls */
    const uint8_t *leaf; /* the return of the function that is entered */
    uint32_t leaf_bytes;
    /* The record asks for what isn't there: libtraceevent would misbehave. */
    bool hostile;
} PrintContext;

void print_program_run(const PrintProgram *program, PrintContext *context);

/* A number of 1, 2, 4 or 8 bytes, little-endian; 0 for other sizes. */
static inline uint64_t print_load(const uint8_t *p, uint32_t size_bytes)
{
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;

    switch (size_bytes) {
    case sizeof(u8):
        return *p;
    case sizeof(u16):
        memcpy(&u16, p, sizeof(u16));
        return u16;
    case sizeof(u32):
        memcpy(&u32, p, sizeof(u32));
        return u32;
    case sizeof(u64):
        memcpy(&u64, p, sizeof(u64));
        return u64;
    default:
        return 0;
    }
}

/* A field that the record ends in, or before. */
uint64_t print_field_load_cut(const PrintContext *context,
                              const PrintField *field);

/*
 * The field as an unsigned number; bytes behind the record's end count as 0.
 * Fields that are no number of 1, 2, 4 or 8 bytes are 0.
 */
static inline uint64_t print_field_load(const PrintContext *context,
                                        const PrintField *field)
{
    return G_LIKELY((uint64_t)field->offset_bytes + field->size_bytes <=
                    context->size_bytes)
               ? print_load(context->data + field->offset_bytes,
                            field->size_bytes)
               : print_field_load_cut(context, field);
}

void print_symbol_name(PrintContext *context, const Symbol *symbol);
void print_prefixed_hex(PrintText *text, uint64_t value);
/* Seconds and their fraction, or ticks, as tep_print_event() writes a time. */
void print_time(PrintText *text, PrintTimeKind kind, uint64_t time);

#endif
