/*
 * PrintProgram: the interpreter of compiled print formats.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/print-program.h"

#include <string.h>

/* Widths come from formats and records: nobody needs more blanks than this. */
#define MAX_WIDTH 4096

/* __data_loc: the offset in the lower half, the size in the upper. */
#define DYNAMIC_OFFSET_MASK 0xffffu
#define DYNAMIC_SIZE_SHIFT  16

/* Bytes of the record that something dynamic takes. */
typedef struct Span {
    uint32_t offset;
    uint32_t size;
} Span;

static bool is_inside(const PrintContext *context, uint64_t offset,
                      uint64_t size)
{
    return offset <= context->size_bytes &&
           size <= context->size_bytes - offset;
}

uint64_t print_field_load_cut(const PrintContext *context,
                              const PrintField *field)
{
    uint8_t bytes[sizeof(uint64_t)] = {0};

    if (field->size_bytes > sizeof(bytes) ||
        field->offset_bytes > context->size_bytes) {
        return 0;
    }
    memcpy(bytes, context->data + field->offset_bytes,
           context->size_bytes - field->offset_bytes);
    return print_load(bytes, field->size_bytes);
}

/* A field of which a part is missing is 0. */
static uint64_t load_whole(const PrintContext *context, const PrintField *field)
{
    return is_inside(context, field->offset_bytes, field->size_bytes)
               ? print_load(context->data + field->offset_bytes,
                            field->size_bytes)
               : 0;
}

/* dynamic_offset_field(): what doesn't fit is empty, or starts at 0. */
static Span dynamic_span(const PrintContext *context, const PrintField *field)
{
    Span span = {0};
    uint32_t word, offset, size;

    if (!is_inside(context, field->offset_bytes, field->size_bytes)) {
        return span;
    }
    word = (uint32_t)load_whole(context, field);
    offset = word & DYNAMIC_OFFSET_MASK;
    size = field->size_bytes == sizeof(uint16_t) ? context->size_bytes - offset
                                                 : word >> DYNAMIC_SIZE_SHIFT;
    span.offset = offset > context->size_bytes ? 0 : offset;
    span.size = is_inside(context, offset, size) ? size : 0;
    if (field->relative) {
        span.offset += field->offset_bytes + field->size_bytes;
    }
    return span;
}

/* How much of it is in the record. */
static uint32_t readable(const PrintContext *context, Span span)
{
    return span.offset >= context->size_bytes
               ? 0
               : MIN(span.size, context->size_bytes - span.offset);
}

static uint64_t evaluate(PrintContext *context, const PrintNumber *number);

static uint64_t load_element(PrintContext *context, const PrintNumber *number)
{
    uint64_t index = evaluate(context, number->a);
    uint64_t offset = number->field.offset_bytes;

    if (number->kind == PRINT_DYNAMIC_ELEMENT) {
        offset = dynamic_span(context, &number->field).offset;
        /* libtraceevent forgets the size of an element here. */
        offset += index;
    } else {
        offset += index * number->element_bytes;
    }
    if (index > context->size_bytes ||
        !is_inside(context, offset, number->element_bytes)) {
        context->hostile = true;
        return 0;
    }
    return print_load(context->data + offset, number->element_bytes) &
           number->value;
}

static uint64_t divide(PrintContext *context, const PrintNumber *number)
{
    uint64_t left = evaluate(context, number->a);
    uint64_t right = evaluate(context, number->b);

    if (right == 0) {
        context->hostile = true;
        return 0;
    }
    return number->kind == PRINT_DIVIDE ? left / right : left % right;
}

static uint64_t evaluate_binary(PrintContext *context,
                                const PrintNumber *number)
{
    uint64_t left = evaluate(context, number->a);
    uint64_t right = evaluate(context, number->b);

    switch (number->kind) {
    case PRINT_ADD:
        return left + right;
    case PRINT_SUBTRACT:
        return left - right;
    case PRINT_MULTIPLY:
        return left * right;
    case PRINT_AND:
        return left & right;
    case PRINT_OR:
        return left | right;
    case PRINT_AND_ALSO:
        return left && right;
    case PRINT_OR_ELSE:
        return left || right;
    case PRINT_SHIFT_LEFT:
        return left << (right & 63);
    case PRINT_SHIFT_RIGHT:
        return left >> (right & 63);
    case PRINT_EQUAL:
        return left == right;
    case PRINT_UNEQUAL:
        return left != right;
    case PRINT_LESS:
        return left < right;
    case PRINT_LESS_EQUAL:
        return left <= right;
    case PRINT_GREATER:
        return left > right;
    case PRINT_GREATER_EQUAL:
        return left >= right;
    default:
        return 0;
    }
}

static uint64_t evaluate(PrintContext *context, const PrintNumber *number)
{
    switch (number->kind) {
    case PRINT_CONSTANT:
        return number->value;
    case PRINT_FIELD:
        return load_whole(context, &number->field);
    case PRINT_ELEMENT:
    case PRINT_DYNAMIC_ELEMENT:
        return load_element(context, number);
    case PRINT_DYNAMIC_SIZE:
        return dynamic_span(context, &number->field).size;
    case PRINT_MASK:
        return evaluate(context, number->a) & number->value;
    case PRINT_NOT:
        return !evaluate(context, number->a);
    case PRINT_INVERT:
        return ~evaluate(context, number->a);
    case PRINT_IF:
        return evaluate(context,
                        evaluate(context, number->a) ? number->b : number->c);
    case PRINT_DIVIDE:
    case PRINT_MODULO:
        return divide(context, number);
    default:
        return evaluate_binary(context, number);
    }
}

/* An argument of a *: its sign says on which side the blanks go. */
static void apply_star(PrintContext *context, PrintSpec *spec)
{
    int value;

    if (!spec->star) {
        return;
    }
    value = (int)evaluate(context, spec->star);
    if (value < 0) {
        /* libtraceevent takes it for "no *" and passes too little. */
        context->hostile = true;
        return;
    }
    if (spec->limit_is_argument) {
        spec->limit = value;
    } else {
        spec->width = MIN(value, MAX_WIDTH);
    }
}

static uint64_t sign_extend(uint64_t value, unsigned size_bytes)
{
    unsigned unused_bits = 64 - 8 * size_bytes;

    return (uint64_t)((int64_t)(value << unused_bits) >> unused_bits);
}

static uint64_t zero_extend(uint64_t value, unsigned size_bytes)
{
    unsigned unused_bits = 64 - 8 * size_bytes;

    return value << unused_bits >> unused_bits;
}

/* The digits of value before end, without sign and prefix. */
static char *digits_of(char *end, uint64_t value, char conversion)
{
    const char *digits =
        conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    unsigned base = conversion == 'o'                        ? 8
                    : conversion == 'x' || conversion == 'X' ? 16
                                                             : 10;

    do {
        *--end = digits[value % base];
        value /= base;
    } while (value != 0);
    return end;
}

static const char *prefix_of(const PrintSpec *spec, uint64_t value,
                             bool negative)
{
    if (negative) {
        return "-";
    }
    if (!spec->prefix || value == 0) {
        return "";
    }
    return spec->conversion == 'x' ? "0x" : spec->conversion == 'X' ? "0X" : "";
}

/* As printf writes an integer. */
static void print_number(PrintContext *context, const PrintSpec *given,
                         uint64_t value)
{
    PrintText *text = context->text;
    PrintSpec spec = *given;
    char buffer[24];
    char *end = buffer + sizeof(buffer);
    bool negative = false;
    const char *prefix;
    size_t size, zeros = 0, blanks, width;
    char *digits;

    apply_star(context, &spec);
    if (spec.conversion == 'd') {
        value = sign_extend(value, spec.size_bytes);
        negative = (int64_t)value < 0;
        value = negative ? -value : value;
    } else {
        value = zero_extend(value, spec.size_bytes);
    }
    digits = spec.limit == 0 && value == 0
                 ? end
                 : digits_of(end, value, spec.conversion);
    size = (size_t)(end - digits);
    prefix = prefix_of(&spec, value, negative);
    width = size + strlen(prefix);
    if (spec.limit >= 0) {
        zeros = (size_t)MIN(spec.limit, MAX_WIDTH);
        zeros = zeros > size ? zeros - size : 0;
    } else if (spec.zeros && !spec.left && (size_t)spec.width > width) {
        zeros = (size_t)spec.width - width;
    }
    if (spec.prefix && spec.conversion == 'o' && zeros == 0 &&
        (size == 0 || *digits != '0')) {
        zeros = 1;
    }
    width += zeros;
    blanks = (size_t)spec.width > width ? (size_t)spec.width - width : 0;
    if (!spec.left) {
        print_text_fill(text, ' ', blanks);
    }
    print_text_literal(text, prefix);
    print_text_fill(text, '0', zeros);
    print_text_append(text, digits, size);
    if (spec.left) {
        print_text_fill(text, ' ', blanks);
    }
}

/* As printf writes %s. */
static void print_text_by(PrintText *text, const PrintSpec *spec,
                          const char *bytes, size_t size)
{
    size_t blanks;

    if (spec->limit >= 0 && (size_t)spec->limit < size) {
        size = (size_t)spec->limit;
    }
    blanks = (size_t)spec->width > size ? (size_t)spec->width - size : 0;
    if (blanks && !spec->left) {
        print_text_fill(text, ' ', blanks);
    }
    print_text_escape(text, bytes, size);
    if (blanks && spec->left) {
        print_text_fill(text, ' ', blanks);
    }
}

static void print_field_text(PrintContext *context, const PrintSpec *spec,
                             const PrintField *field)
{
    Span span = {field->offset_bytes, field->size_bytes};
    const char *bytes = "";
    size_t size = 0;

    if (span.size == 0) {
        span.size = UINT32_MAX;
        context->hostile |= span.offset > context->size_bytes;
    }
    span.size = readable(context, span);
    if (span.size > 0) {
        bytes = (const char *)context->data + span.offset;
        size = strnlen(bytes, span.size);
    }
    print_text_by(context->text, spec, bytes, size);
}

static void print_dynamic_text(PrintContext *context, const PrintSpec *spec,
                               const PrintField *field)
{
    Span span = dynamic_span(context, field);
    const char *bytes = "";
    size_t size = 0;

    if (span.size == 0) {
        return;
    }
    span.size = UINT32_MAX; /* it ends with its NUL, wherever that is */
    span.size = readable(context, span);
    if (span.size > 0) {
        bytes = (const char *)context->data + span.offset;
        size = strnlen(bytes, span.size);
    }
    print_text_by(context->text, spec, bytes, size);
}

void print_prefixed_hex(PrintText *text, uint64_t value)
{
    print_text_reserve(text, 2 + PRINT_TEXT_NUMBER);
    memcpy(text->next, "0x", 2);
    text->next += 2;
    print_text_hex(text, value);
}

static void print_kernel_string(PrintContext *context, const PrintField *field)
{
    uint64_t address = print_field_load(context, field);
    const char *string = g_hash_table_lookup(context->kernel_strings, &address);

    if (string) {
        print_text_literal(context->text, string);
    } else {
        print_text_reserve(context->text, PRINT_TEXT_NUMBER);
        print_text_hex(context->text, address);
    }
}

static void print_flags(PrintContext *context, const PrintSpec *spec,
                        const PrintString *string)
{
    PrintText *text = context->text;
    int64_t value = (int64_t)evaluate(context, string->number);
    bool printed = false;

    for (uint32_t i = 0; i < string->n_names; i++) {
        const PrintName *name = &string->names[i];

        if (value == 0 && name->value < 0) {
            print_text_by(text, spec, name->text, name->size);
            break;
        }
        if (name->value > 0 && (value & name->value) == name->value) {
            if (printed) {
                print_text_escape(text, string->text, string->text_size);
            }
            print_text_by(text, spec, name->text, name->size);
            printed = true;
            value &= ~name->value;
        }
    }
    if (value != 0) {
        if (printed) {
            print_text_escape(text, string->text, string->text_size);
        }
        print_prefixed_hex(text, (uint64_t)value);
    }
}

/* The names are sorted, and no value is there twice. */
static void print_symbolic(PrintContext *context, const PrintSpec *spec,
                           const PrintString *string)
{
    int64_t value = (int64_t)evaluate(context, string->number);
    uint32_t low = 0;
    uint32_t high = string->n_names;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (string->names[middle].value < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < string->n_names && string->names[low].value == value) {
        print_text_by(context->text, spec, string->names[low].text,
                      string->names[low].size);
    } else {
        print_prefixed_hex(context->text, (uint64_t)value);
    }
}

static Span array_span(PrintContext *context, const PrintString *string)
{
    Span span = {string->field.offset_bytes, 0};
    uint64_t count = (uint32_t)evaluate(context, string->number);

    if (string->dynamic) {
        span.offset = dynamic_span(context, &string->field).offset;
    }
    span.size = (uint32_t)MIN(count * string->element_bytes, UINT32_MAX);
    if (!is_inside(context, span.offset, span.size)) {
        context->hostile = true;
        span.size = readable(context, span);
    }
    return span;
}

static void print_hex_byte(PrintText *text, uint8_t byte)
{
    static const char digits[16] = "0123456789abcdef";

    print_text_reserve(text, 2);
    *text->next++ = digits[byte >> 4];
    *text->next++ = digits[byte & 15];
}

static void print_hex_bytes(PrintContext *context, const PrintString *string)
{
    Span span = array_span(context, string);

    for (uint32_t i = 0; i < span.size; i++) {
        if (i > 0 && string->kind == PRINT_HEX) {
            print_text_char(context->text, ' ');
        }
        print_hex_byte(context->text, context->data[span.offset + i]);
    }
}

static void print_numbers(PrintContext *context, const PrintString *string)
{
    Span span = array_span(context, string);
    uint32_t step = string->element_bytes;

    for (uint32_t i = 0; i + step <= span.size; i += step) {
        if (i > 0) {
            print_text_char(context->text, ' ');
        }
        print_text_reserve(context->text, PRINT_TEXT_NUMBER);
        print_text_unsigned(context->text,
                            print_load(context->data + span.offset + i, step));
    }
}

/* A mask that reaches out of the record goes on with zeros. */
static uint8_t mask_byte(const PrintContext *context, Span span, uint32_t i)
{
    uint64_t offset = (uint64_t)span.offset + i;

    return offset < context->size_bytes ? context->data[offset] : 0;
}

/* The highest byte first, a comma after every four from the end. */
static void print_bitmask(PrintContext *context, const PrintSpec *spec,
                          const PrintString *string)
{
    Span span = dynamic_span(context, &string->field);
    PrintText mask = PRINT_TEXT_INIT;

    for (uint32_t i = span.size; i-- > 0;) {
        print_hex_byte(&mask, mask_byte(context, span, i));
        if (i > 0 && i % 4 == 0) {
            print_text_char(&mask, ',');
        }
    }
    print_text_by(context->text, spec, mask.start ? mask.start : "",
                  print_text_size(&mask));
    print_text_clear(&mask);
}

static bool mask_bit(const PrintContext *context, Span span, uint32_t bit)
{
    return mask_byte(context, span, bit / 8) >> bit % 8 & 1;
}

static void append_range(PrintText *text, uint32_t first, uint32_t last)
{
    print_text_reserve(text, 2 * PRINT_TEXT_NUMBER);
    if (text->next > text->start) {
        print_text_char(text, ',');
    }
    print_text_unsigned(text, first);
    if (last > first) {
        print_text_char(text, '-');
        print_text_unsigned(text, last);
    }
}

/* Ranges: 0-3,8 */
static void print_cpumask(PrintContext *context, const PrintSpec *spec,
                          const PrintString *string)
{
    Span span = dynamic_span(context, &string->field);
    uint32_t bits = span.size * 8;
    PrintText mask = PRINT_TEXT_INIT;

    /* libtraceevent allocates gigabytes for an empty one. */
    context->hostile |= bits == 0;
    for (uint32_t bit = 0; bit < bits; bit++) {
        uint32_t first = bit;

        while (bit < bits && mask_bit(context, span, bit)) {
            bit++;
        }
        if (bit > first) {
            append_range(&mask, first, bit - 1);
        }
    }
    print_text_by(context->text, spec, mask.start ? mask.start : "",
                  print_text_size(&mask));
    print_text_clear(&mask);
}

static void print_string(PrintContext *context, const PrintSpec *spec,
                         const PrintString *string)
{
    switch (string->kind) {
    case PRINT_NOTHING:
        break;
    case PRINT_ATOM:
        print_text_by(context->text, spec, string->text, string->text_size);
        break;
    case PRINT_FIELD_TEXT:
        print_field_text(context, spec, &string->field);
        break;
    case PRINT_FIELD_POINTER:
        print_kernel_string(context, &string->field);
        break;
    case PRINT_DYNAMIC_TEXT:
        print_dynamic_text(context, spec, &string->field);
        break;
    case PRINT_FLAGS:
        print_flags(context, spec, string);
        break;
    case PRINT_SYMBOLIC:
        print_symbolic(context, spec, string);
        break;
    case PRINT_HEX:
    case PRINT_HEX_STR:
        print_hex_bytes(context, string);
        break;
    case PRINT_NUMBERS:
        print_numbers(context, string);
        break;
    case PRINT_BITMASK:
        print_bitmask(context, spec, string);
        break;
    case PRINT_CPUMASK:
        print_cpumask(context, spec, string);
        break;
    case PRINT_CHOICE:
        print_string(context, spec,
                     evaluate(context, string->number) ? string->yes
                                                       : string->no);
        break;
    }
}

static void print_string_by(PrintContext *context, const PrintOp *op)
{
    PrintSpec spec = op->spec;

    apply_star(context, &spec);
    print_string(context, &spec, op->string);
}

static void print_pointer(PrintText *text, uint64_t value)
{
    if (value == 0) {
        print_text_literal(text, "(nil)"); /* as the C library has it */
    } else {
        print_prefixed_hex(text, value);
    }
}

void print_symbol_name(PrintContext *context, const Symbol *symbol)
{
    print_text_escape(context->text, symbol->name, symbol->size);
}

static void print_symbol(PrintContext *context, const PrintOp *op)
{
    uint64_t address = evaluate(context, op->number);
    const Symbol *symbol =
        symbol_cache_find(context->cache, context->symbols, address);

    if (!symbol) {
        print_prefixed_hex(context->text, address);
        return;
    }
    print_symbol_name(context, symbol);
    if (op->kind == PRINT_OP_SYMBOL_OFFSET) {
        print_text_char(context->text, '+');
        print_prefixed_hex(context->text, address - symbol->address);
    }
}

/* print_uuid_arg() of libtraceevent. */
static void print_uuid(PrintContext *context, const PrintOp *op)
{
    static const uint8_t uuid[] = {0, 1, 2,  3,  4,  5,  6,  7,
                                   8, 9, 10, 11, 12, 13, 14, 15};
    static const uint8_t guid[] = {3, 2, 1,  0,  5,  4,  7,  6,
                                   8, 9, 10, 11, 12, 13, 14, 15};
    const char *digits =
        op->upper_case ? "0123456789ABCDEF" : "0123456789abcdef";
    const uint8_t *order = op->is_guid ? guid : uuid;

    if (op->field.size_bytes != sizeof(uuid)) {
        print_text_literal(context->text, "INVALIDUUID");
        return;
    }
    for (unsigned i = 0; i < sizeof(uuid); i++) {
        uint64_t at = (uint64_t)op->field.offset_bytes + order[i];
        uint8_t byte = at < context->size_bytes ? context->data[at] : 0;

        print_text_char(context->text, digits[byte >> 4]);
        print_text_char(context->text, digits[byte & 15]);
        if (i == 3 || i == 5 || i == 7 || i == 9) {
            print_text_char(context->text, '-');
        }
    }
}

static bool looks_like_text(const uint8_t *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size && bytes[i]; i++) {
        if (!g_ascii_isprint((char)bytes[i]) &&
            !g_ascii_isspace((char)bytes[i]) && bytes[i] != '\v') {
            return false;
        }
    }
    return true;
}

static void print_raw_array(PrintContext *context, const PrintOp *op)
{
    Span span = {op->field.offset_bytes, op->field.size_bytes};
    const uint8_t *bytes = (const uint8_t *)"";
    uint32_t left = 0;

    if (op->dynamic) {
        span = dynamic_span(context, &op->field);
    }
    span.size = readable(context, span);
    if (span.offset < context->size_bytes) {
        bytes = context->data + span.offset;
        left = context->size_bytes - span.offset;
    }
    if (op->raw == PRINT_RAW_STRING && looks_like_text(bytes, span.size)) {
        /* It ends with its NUL, wherever that is. */
        print_text_escape(context->text, (const char *)bytes,
                          strnlen((const char *)bytes, left));
        return;
    }
    print_text_literal(context->text, "ARRAY[");
    for (uint32_t i = 0; i < span.size; i++) {
        if (i > 0) {
            print_text_literal(context->text, ", ");
        }
        print_hex_byte(context->text, bytes[i]);
    }
    print_text_char(context->text, ']');
}

/* print_field_raw() of libtraceevent. */
static void print_raw_field(PrintContext *context, const PrintOp *op)
{
    PrintSpec spec = {.conversion = 'd', .limit = -1};
    uint64_t value;

    switch (op->raw) {
    case PRINT_RAW_SIGNED:
        value = print_field_load(context, &op->field);
        spec.width = op->field.size_bytes == 2 ? 2 : 1;
        spec.size_bytes =
            (uint8_t)(op->field.size_bytes <= 4 && op->field.size_bytes > 0
                          ? op->field.size_bytes
                          : sizeof(value));
        print_number(context, &spec, value);
        break;
    case PRINT_RAW_UNSIGNED:
        value = print_field_load(context, &op->field);
        print_text_reserve(context->text, PRINT_TEXT_NUMBER);
        print_text_unsigned(context->text, value);
        break;
    case PRINT_RAW_HEX:
        print_prefixed_hex(context->text,
                           print_field_load(context, &op->field));
        break;
    default:
        print_raw_array(context, op);
        break;
    }
}

static void run_op(const PrintOp *op, PrintContext *context)
{
    PrintText *text = context->text;
    uint64_t value;

    switch (op->kind) {
    case PRINT_OP_LITERAL:
        print_text_blocks(text, op->text, op->text_size);
        if (op->ends_line) {
            text->newline = text->next;
        }
        break;
    case PRINT_OP_UNSIGNED:
        value = evaluate(context, op->number);
        print_text_reserve(text, PRINT_TEXT_NUMBER);
        print_text_unsigned(text, zero_extend(value, op->spec.size_bytes));
        break;
    case PRINT_OP_SIGNED:
        value = evaluate(context, op->number);
        print_text_reserve(text, PRINT_TEXT_NUMBER);
        print_text_signed(text,
                          (int64_t)sign_extend(value, op->spec.size_bytes));
        break;
    case PRINT_OP_HEX:
        value = evaluate(context, op->number);
        print_text_reserve(text, PRINT_TEXT_NUMBER);
        print_text_hex(text, zero_extend(value, op->spec.size_bytes));
        break;
    case PRINT_OP_NUMBER:
        print_number(context, &op->spec, evaluate(context, op->number));
        break;
    case PRINT_OP_STRING:
        print_string_by(context, op);
        break;
    case PRINT_OP_POINTER:
        print_pointer(text, evaluate(context, op->number));
        break;
    case PRINT_OP_SYMBOL:
    case PRINT_OP_SYMBOL_OFFSET:
        print_symbol(context, op);
        break;
    case PRINT_OP_UUID:
        print_uuid(context, op);
        break;
    case PRINT_OP_FIELD:
        print_raw_field(context, op);
        break;
    }
}

static void print_blanks_before(PrintText *text, unsigned width, unsigned used)
{
    for (; used < width; used++) {
        *text->next++ = ' ';
    }
}

/* "%12llu", "%5llu.%06llu" and "%5llu.%09llu" */
void print_time(PrintText *text, PrintTimeKind kind, uint64_t time)
{
    const uint64_t us_per_s = 1000000;
    const uint64_t ns_per_s = 1000000000;
    uint64_t whole, fraction;
    bool full = kind == PRINT_TIME_NANOSECONDS;

    print_text_reserve(text, 2 * PRINT_TEXT_NUMBER);
    if (kind == PRINT_TIME_TICKS) {
        print_blanks_before(text, 12, print_text_count_digits(time));
        print_text_unsigned(text, time);
        return;
    }
    if (full) {
        whole = time / ns_per_s;
        fraction = time % ns_per_s;
    } else {
        time = (time + 500) / 1000;
        whole = time / us_per_s;
        fraction = time % us_per_s;
    }
    print_blanks_before(text, 5, print_text_count_digits(whole));
    print_text_unsigned(text, whole);
    *text->next++ = '.';
    print_text_fixed(text, fraction, full ? 9 : 6);
}

void print_program_run(const PrintProgram *program, PrintContext *context)
{
    for (uint32_t i = 0; i < program->n_ops; i++) {
        run_op(&program->ops[i], context);
    }
}
