/*
 * PrintCompiler: makes programs of the print formats that libtraceevent parsed.
 *
 * Follows parse_args(), eval_num_arg() and print_str_arg() of libtraceevent's
 * event-parse.c step by step, as text must be the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/print-compile.h"

#include <stdlib.h>
#include <string.h>
#include <traceevent/event-parse.h>

/* Formats may come from a guest. */
#define MAX_DEPTH 100
/* libtraceevent copies a conversion into 32 bytes. */
#define MAX_CONVERSION_BYTES 31
/* More than any printed number is wide. */
#define MAX_NUMBER 100000

/* An operation, and what of the format it came from. */
typedef struct Item {
    PrintOp op;
    const struct tep_print_arg *argument; /* NULL: a literal */
    bool ends_in_0x;
    bool uncovered;
} Item;

typedef struct Compilation {
    const PrintCompiler *compiler;
    struct tep_event *event;
    const struct tep_print_arg *next; /* argument */
    GArray *items;                    /* of Item */
    unsigned depth;
    bool uncovered;
    bool unsafe; /* reads that depend on what the record says */
} Compilation;

static gpointer make(Compilation *in, size_t size)
{
    gpointer memory = g_malloc0(size);

    g_ptr_array_add(in->compiler->memory, memory);
    return memory;
}

static char *keep_string(Compilation *in, const char *text, size_t size)
{
    char *copy = print_text_keep(text, size);

    g_ptr_array_add(in->compiler->memory, copy);
    return copy;
}

bool print_field_place(const struct tep_format_field *field, PrintField *place)
{
    if (!field || field->offset < 0 || field->size < 0 ||
        (uint64_t)field->offset + (uint64_t)field->size > PRINT_MAX_FIELD_END) {
        return false;
    }
    *place = (PrintField){
        .offset_bytes = (uint32_t)field->offset,
        .size_bytes = (uint32_t)field->size,
        .relative = field->flags & TEP_FIELD_IS_RELATIVE,
    };
    return true;
}

static PrintField place_of(Compilation *in,
                           const struct tep_format_field *field)
{
    PrintField place = {0};

    if (!print_field_place(field, &place)) {
        in->uncovered = true;
        in->unsafe = true;
    }
    return place;
}

static PrintField place_named(Compilation *in, struct tep_format_field *field,
                              const char *name)
{
    return place_of(in, field ? field : tep_find_any_field(in->event, name));
}

static PrintNumber *make_number(Compilation *in, PrintNumberKind kind)
{
    PrintNumber *number = make(in, sizeof(*number));

    number->kind = kind;
    return number;
}

static PrintNumber *make_constant(Compilation *in, uint64_t value)
{
    PrintNumber *number = make_number(in, PRINT_CONSTANT);

    number->value = value;
    return number;
}

static const PrintNumber *compile_number(Compilation *in,
                                         const struct tep_print_arg *arg);

/* test_for_symbol(): a name stands for the kernel's symbol of this name. */
static uint64_t atom_value(Compilation *in, const char *atom)
{
    uint64_t value = strtoull(atom, NULL, 0);
    const Symbol *symbol = NULL;

    if (value == 0 && !g_ascii_isdigit(atom[0])) {
        symbol = symbol_table_by_name(in->compiler->symbols, atom);
    }
    return symbol ? symbol->address : value;
}

/* eval_type_str(): only these change anything. */
static uint64_t type_mask(const char *type)
{
    static const struct {
        const char *name;
        uint64_t mask;
    } exact[] = {
        {"u8", UINT8_MAX},   {"s8", UINT8_MAX},     {"u16", UINT16_MAX},
        {"s16", UINT16_MAX}, {"u32", UINT32_MAX},   {"s32", UINT32_MAX},
        {"char", UINT8_MAX}, {"short", UINT16_MAX}, {"int", UINT32_MAX},
    };

    if (g_str_has_prefix(type, "unsigned ")) {
        type += strlen("unsigned ");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(exact); i++) {
        if (strcmp(type, exact[i].name) == 0) {
            return exact[i].mask;
        }
    }
    return UINT64_MAX;
}

/* The mask of what a pointer type points to: it ends with " *". */
static uint64_t pointed_mask(const char *type)
{
    size_t size = strlen(type);
    g_autofree char *target = NULL;

    if (size < 2 || type[size - 1] != '*') {
        return UINT64_MAX;
    }
    target = g_strndup(type, size - 2);
    return type_mask(target);
}

static const PrintNumber *compile_cast(Compilation *in,
                                       const struct tep_print_arg *arg)
{
    uint64_t mask = type_mask(arg->typecast.type);
    const PrintNumber *item = compile_number(in, arg->typecast.item);
    PrintNumber *number;

    if (mask == UINT64_MAX) {
        return item;
    }
    number = make_number(in, PRINT_MASK);
    number->a = item;
    number->value = mask;
    return number;
}

static const PrintNumber *compile_element(Compilation *in,
                                          const struct tep_print_arg *arg)
{
    const struct tep_print_arg *array = arg->op.left;
    const struct tep_format_field *field;
    uint64_t mask = UINT64_MAX;
    bool has_mask = false;
    PrintNumber *number;

    for (; array && array->type == TEP_PRINT_TYPE;
         array = array->typecast.item) {
        mask = has_mask ? mask : pointed_mask(array->typecast.type);
        has_mask = true;
    }
    in->unsafe = true;
    if (array && array->type == TEP_PRINT_DYNAMIC_ARRAY) {
        number = make_number(in, PRINT_DYNAMIC_ELEMENT);
        field = array->dynarray.field;
    } else if (array && array->type == TEP_PRINT_FIELD) {
        number = make_number(in, PRINT_ELEMENT);
        field = array->field.field
                    ? array->field.field
                    : tep_find_any_field(in->event, array->field.name);
    } else {
        return make_constant(in, 0);
    }
    number->field = place_of(in, field);
    number->element_bytes = in->compiler->long_bytes;
    if (field && (field->elementsize || number->kind == PRINT_ELEMENT)) {
        number->element_bytes = field->elementsize;
    }
    number->value = mask;
    number->a = compile_number(in, arg->op.right);
    return number;
}

static const PrintNumber *compile_if(Compilation *in,
                                     const struct tep_print_arg *arg)
{
    const struct tep_print_arg *branches = arg->op.right;
    PrintNumber *number = make_number(in, PRINT_IF);

    if (!branches || branches->type != TEP_PRINT_OP) {
        in->uncovered = true;
        in->unsafe = true;
        return make_constant(in, 0);
    }
    number->a = compile_number(in, arg->op.left);
    number->b = compile_number(in, branches->op.left);
    number->c = compile_number(in, branches->op.right);
    return number;
}

/* Like eval_num_arg(), which looks at one or two characters only. */
static bool binary_kind(const char *op, PrintNumberKind *kind)
{
    static const struct {
        char op[3];
        PrintNumberKind kind;
    } two[] = {
        {"!=", PRINT_UNEQUAL},    {"<<", PRINT_SHIFT_LEFT},
        {"<=", PRINT_LESS_EQUAL}, {">>", PRINT_SHIFT_RIGHT},
        {"==", PRINT_EQUAL},      {">=", PRINT_GREATER_EQUAL},
        {"||", PRINT_OR_ELSE},    {"&&", PRINT_AND_ALSO},
        {"<", PRINT_LESS},        {">", PRINT_GREATER},
        {"|", PRINT_OR},          {"&", PRINT_AND},
        {"-", PRINT_SUBTRACT},    {"+", PRINT_ADD},
        {"/", PRINT_DIVIDE},      {"%", PRINT_MODULO},
        {"*", PRINT_MULTIPLY},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(two); i++) {
        if (strcmp(op, two[i].op) == 0) {
            *kind = two[i].kind;
            return true;
        }
    }
    return false;
}

static const PrintNumber *compile_operation(Compilation *in,
                                            const struct tep_print_arg *arg)
{
    const char *op = arg->op.op;
    PrintNumberKind kind;
    PrintNumber *number;

    if (strcmp(op, "[") == 0) {
        return compile_element(in, arg);
    }
    if (strcmp(op, "?") == 0) {
        return compile_if(in, arg);
    }
    if (strcmp(op, "!") == 0 || strcmp(op, "~") == 0) {
        number = make_number(in, op[0] == '!' ? PRINT_NOT : PRINT_INVERT);
        number->a = compile_number(in, arg->op.right);
        return number;
    }
    if (!binary_kind(op, &kind)) {
        in->uncovered = true;
        return make_constant(in, 0);
    }
    number = make_number(in, kind);
    number->a = compile_number(in, arg->op.left);
    number->b = compile_number(in, arg->op.right);
    if ((kind == PRINT_DIVIDE || kind == PRINT_MODULO) &&
        (number->b->kind != PRINT_CONSTANT || number->b->value == 0)) {
        in->unsafe = true;
    }
    return number;
}

static const PrintNumber *compile_kind(Compilation *in,
                                       const struct tep_print_arg *arg)
{
    PrintNumber *number;

    switch (arg->type) {
    case TEP_PRINT_ATOM:
        return make_constant(in, atom_value(in, arg->atom.atom));
    case TEP_PRINT_FIELD:
        number = make_number(in, PRINT_FIELD);
        number->field = place_named(in, arg->field.field, arg->field.name);
        return number;
    case TEP_PRINT_TYPE:
        return compile_cast(in, arg);
    case TEP_PRINT_OP:
        return compile_operation(in, arg);
    case TEP_PRINT_DYNAMIC_ARRAY_LEN:
        number = make_number(in, PRINT_DYNAMIC_SIZE);
        number->field = place_of(in, arg->dynarray.field);
        return number;
    case TEP_PRINT_DYNAMIC_ARRAY: /* an address inside our own process */
    case TEP_PRINT_FUNC:
        in->uncovered = true;
        return make_constant(in, 0);
    default:
        return make_constant(in, 0);
    }
}

static const PrintNumber *compile_number(Compilation *in,
                                         const struct tep_print_arg *arg)
{
    const PrintNumber *number;

    if (!arg) {
        return make_constant(in, 0);
    }
    if (in->depth >= MAX_DEPTH) {
        in->uncovered = true;
        in->unsafe = true;
        return make_constant(in, 0);
    }
    in->depth++;
    number = compile_kind(in, arg);
    in->depth--;
    return number;
}

/* eval_flag() of libtraceevent, which knows these names. */
static int64_t name_value(const char *text)
{
    static const struct {
        const char *name;
        int64_t value;
    } known[] = {
        {"HI_SOFTIRQ", 0},        {"TIMER_SOFTIRQ", 1},
        {"NET_TX_SOFTIRQ", 2},    {"NET_RX_SOFTIRQ", 3},
        {"BLOCK_SOFTIRQ", 4},     {"IRQ_POLL_SOFTIRQ", 5},
        {"TASKLET_SOFTIRQ", 6},   {"SCHED_SOFTIRQ", 7},
        {"HRTIMER_SOFTIRQ", 8},   {"RCU_SOFTIRQ", 9},
        {"HRTIMER_NORESTART", 0}, {"HRTIMER_RESTART", 1},
    };

    if (g_ascii_isdigit(text[0])) {
        return (int64_t)strtoull(text, NULL, 0);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (strcmp(known[i].name, text) == 0) {
            return known[i].value;
        }
    }
    return -1;
}

static int compare_names(const void *a, const void *b)
{
    const PrintName *left = *(PrintName *const *)a;
    const PrintName *right = *(PrintName *const *)b;

    if (left->value != right->value) {
        return left->value < right->value ? -1 : 1;
    }
    return (left > right) - (left < right); /* the first one wins */
}

static void sort_names(Compilation *in, PrintString *string)
{
    g_autofree const PrintName **order =
        g_new(const PrintName *, string->n_names + 1);
    PrintName *sorted =
        make(in, (string->n_names + 1) * sizeof(*string->names));
    uint32_t n = 0;

    for (uint32_t i = 0; i < string->n_names; i++) {
        order[i] = &string->names[i];
    }
    qsort(order, string->n_names, sizeof(*order), compare_names);
    for (uint32_t i = 0; i < string->n_names; i++) {
        if (n == 0 || sorted[n - 1].value != order[i]->value) {
            sorted[n++] = *order[i];
        }
    }
    string->names = sorted;
    string->n_names = n;
}

static void compile_names(Compilation *in, PrintString *string,
                          const struct tep_print_flag_sym *list)
{
    const struct tep_print_flag_sym *name;
    PrintName *names;
    uint32_t n = 0;

    for (name = list; name; name = name->next) {
        n++;
    }
    names = make(in, (n + 1) * sizeof(*names));
    n = 0;
    for (name = list; name; name = name->next) {
        const char *text = name->str ? name->str : "";

        names[n++] = (PrintName){
            .value = name->value ? name_value(name->value) : -1,
            .text = keep_string(in, text, strlen(text)),
            .size = (uint32_t)strlen(text),
        };
    }
    string->names = names;
    string->n_names = n;
}

/* Where an array of bytes or numbers lies. */
static void compile_array(Compilation *in, PrintString *string,
                          const struct tep_print_arg *array,
                          const struct tep_print_arg *count)
{
    string->number = compile_number(in, count);
    if (string->number->kind != PRINT_CONSTANT) {
        in->unsafe = true;
    }
    if (array && array->type == TEP_PRINT_DYNAMIC_ARRAY) {
        string->dynamic = true;
        string->field = place_of(in, array->dynarray.field);
    } else if (array && array->type == TEP_PRINT_FIELD) {
        string->field = place_named(in, array->field.field, array->field.name);
    } else {
        in->uncovered = true;
        in->unsafe = true;
    }
}

static void compile_numbers(Compilation *in, PrintString *string,
                            const struct tep_print_arg *arg)
{
    const PrintNumber *size = compile_number(in, arg->int_array.el_size);

    string->kind = PRINT_NUMBERS;
    compile_array(in, string, arg->int_array.field, arg->int_array.count);
    if (size->kind != PRINT_CONSTANT ||
        (size->value != 1 && size->value != 2 && size->value != 4 &&
         size->value != 8)) {
        in->uncovered = true;
        in->unsafe = true;
        return;
    }
    string->element_bytes = (uint32_t)size->value;
}

static void compile_field_text(Compilation *in, PrintString *string,
                               const struct tep_print_arg *arg)
{
    const struct tep_format_field *field =
        arg->field.field ? arg->field.field
                         : tep_find_any_field(in->event, arg->field.name);

    string->kind = PRINT_FIELD_TEXT;
    string->field = place_of(in, field);
    if (!field) {
        return;
    }
    if (field->size == 0) {
        in->unsafe = true; /* its size is the record's minus the offset */
    }
    if (!(field->flags & TEP_FIELD_IS_ARRAY) &&
        field->size == (int)in->compiler->long_bytes) {
        string->kind = PRINT_FIELD_POINTER;
    }
}

static const PrintString *compile_string(Compilation *in,
                                         const struct tep_print_arg *arg);

static void compile_choice(Compilation *in, PrintString *string,
                           const struct tep_print_arg *arg)
{
    const struct tep_print_arg *branches = arg->op.right;

    if (arg->op.op[0] != '?') {
        return; /* prints nothing */
    }
    if (!branches || branches->type != TEP_PRINT_OP) {
        in->uncovered = true;
        in->unsafe = true;
        return;
    }
    string->kind = PRINT_CHOICE;
    string->number = compile_number(in, arg->op.left);
    string->yes = compile_string(in, branches->op.left);
    string->no = compile_string(in, branches->op.right);
}

static void compile_flags(Compilation *in, PrintString *string,
                          const struct tep_print_arg *arg)
{
    const char *delim = arg->flags.delim ? arg->flags.delim : "";

    string->kind = PRINT_FLAGS;
    string->number = compile_number(in, arg->flags.field);
    string->text = keep_string(in, delim, strlen(delim));
    string->text_size = (uint32_t)strlen(delim);
    compile_names(in, string, arg->flags.flags);
}

static void compile_string_kind(Compilation *in, PrintString *string,
                                const struct tep_print_arg *arg)
{
    switch (arg->type) {
    case TEP_PRINT_ATOM:
        string->kind = PRINT_ATOM;
        string->text = keep_string(in, arg->atom.atom, strlen(arg->atom.atom));
        string->text_size = (uint32_t)strlen(arg->atom.atom);
        break;
    case TEP_PRINT_FIELD:
        compile_field_text(in, string, arg);
        break;
    case TEP_PRINT_FLAGS:
        compile_flags(in, string, arg);
        break;
    case TEP_PRINT_SYMBOL:
        string->kind = PRINT_SYMBOLIC;
        string->number = compile_number(in, arg->symbol.field);
        compile_names(in, string, arg->symbol.symbols);
        sort_names(in, string);
        break;
    case TEP_PRINT_HEX:
    case TEP_PRINT_HEX_STR:
        string->kind = arg->type == TEP_PRINT_HEX ? PRINT_HEX : PRINT_HEX_STR;
        string->element_bytes = 1;
        compile_array(in, string, arg->hex.field, arg->hex.size);
        break;
    case TEP_PRINT_INT_ARRAY:
        compile_numbers(in, string, arg);
        break;
    case TEP_PRINT_STRING:
        string->kind = PRINT_DYNAMIC_TEXT;
        string->field = place_named(in, arg->string.field, arg->string.string);
        break;
    case TEP_PRINT_BITMASK:
    case TEP_PRINT_CPUMASK:
        string->kind =
            arg->type == TEP_PRINT_BITMASK ? PRINT_BITMASK : PRINT_CPUMASK;
        string->field =
            place_named(in, arg->bitmask.field, arg->bitmask.bitmask);
        break;
    case TEP_PRINT_OP:
        compile_choice(in, string, arg);
        break;
    case TEP_PRINT_FUNC:
    case TEP_PRINT_BSTRING:
        in->uncovered = true;
        break;
    default:
        break; /* prints nothing */
    }
}

static const PrintString *compile_string(Compilation *in,
                                         const struct tep_print_arg *arg)
{
    PrintString *string = make(in, sizeof(*string));

    if (!arg) {
        return string;
    }
    if (in->depth >= MAX_DEPTH) {
        in->uncovered = true;
        in->unsafe = true;
        return string;
    }
    in->depth++;
    compile_string_kind(in, string, arg);
    in->depth--;
    return string;
}

static void add_literal(Compilation *in, const char *text, size_t size)
{
    PrintText escaped = PRINT_TEXT_INIT;
    Item item = {.op.kind = PRINT_OP_LITERAL};

    if (size == 0) {
        return;
    }
    for (const char *p = text; p < text + size; p++) {
        if (*p == '\n' && in->compiler->keep_newlines) {
            print_text_char(&escaped, *p);
        } else {
            print_text_escape(&escaped, p, 1);
        }
    }
    item.op.text_size = (uint32_t)print_text_size(&escaped);
    item.op.text = keep_string(in, escaped.start, item.op.text_size);
    item.op.ends_line = text[size - 1] == '\n';
    item.ends_in_0x = size > 1 && memcmp(text + size - 2, "0x", 2) == 0;
    print_text_clear(&escaped);
    g_array_append_val(in->items, item);
}

/* A run of text up to a conversion; returns what follows. */
static const char *compile_text(Compilation *in, const char *format)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (; *format; format++) {
        if (*format == '%') {
            if (format[1] != '%') {
                break;
            }
            format++;
            g_string_append_c(text, '%');
        } else if (*format == '\\' && format[1]) {
            format++;
            g_string_append_c(text, *format == 'n'   ? '\n'
                                    : *format == 't' ? '\t'
                                    : *format == 'r' ? '\r'
                                                     : *format);
        } else if (*format != '\\') {
            g_string_append_c(text, *format);
        }
    }
    add_literal(in, text->str, text->len);
    return format;
}

/* A number or a *; returns what follows. */
static const char *compile_amount(Compilation *in, const char *p, int *amount,
                                  bool *is_argument)
{
    if (*p == '*') {
        *is_argument = true;
        return p + 1;
    }
    for (; g_ascii_isdigit(*p); p++) {
        *amount = *amount < MAX_NUMBER ? *amount * 10 + (*p - '0') : MAX_NUMBER;
    }
    if (*amount >= MAX_NUMBER) {
        in->uncovered = true;
        in->unsafe = true;
    }
    return p;
}

/* What printf would make of it: "%-16.4llx" and the like. */
static void compile_spec(Compilation *in, const char *start, const char *end,
                         int longs, PrintSpec *spec)
{
    static const uint8_t sizes[] = {1, 2, 4, 8, 8};
    const char *p = start + 1;

    spec->limit = -1;
    spec->conversion = *end == 'i' ? 'd' : *end;
    for (; *p == '#' || *p == '0' || *p == '-'; p++) {
        spec->prefix |= *p == '#';
        spec->zeros |= *p == '0';
        spec->left |= *p == '-';
    }
    p = compile_amount(in, p, &spec->width, &spec->width_is_argument);
    if (*p == '.') {
        spec->limit = 0;
        p = compile_amount(in, p + 1, &spec->limit, &spec->limit_is_argument);
    }
    if (*end == 's' && p != end) {
        in->uncovered = true;
    }
    while (p < end && strchr("hlLzZ", *p)) {
        p++;
    }
    if (p != end || longs < -2 || longs > 2) {
        in->uncovered = true;
        longs = 0;
    }
    spec->size_bytes = sizes[longs + 2];
}

/* Most numbers need no more than their digits. */
static PrintOpKind number_kind(const PrintSpec *spec)
{
    if (spec->width || spec->limit >= 0 || spec->prefix || spec->star) {
        return PRINT_OP_NUMBER;
    }
    switch (spec->conversion) {
    case 'd':
        return PRINT_OP_SIGNED;
    case 'u':
        return PRINT_OP_UNSIGNED;
    case 'x':
        return PRINT_OP_HEX;
    default:
        return PRINT_OP_NUMBER;
    }
}

/* An item that isn't covered only shows where the fields are shown. */
static void add_item(Compilation *in, Item *item, bool was_uncovered)
{
    item->uncovered = in->uncovered;
    in->uncovered |= was_uncovered;
    g_array_append_val(in->items, *item);
}

/* %pU, %pUb, %pUB, %pUl and %pUL of a field; returns what follows. */
static const char *compile_uuid(Compilation *in, const char *p,
                                const struct tep_print_arg *arg, PrintOp *op)
{
    while (arg && arg->type == TEP_PRINT_TYPE) {
        arg = arg->typecast.item;
    }
    if (!arg || arg->type != TEP_PRINT_FIELD) {
        in->uncovered = true;
    } else {
        op->field = place_named(in, arg->field.field, arg->field.name);
    }
    op->kind = PRINT_OP_UUID;
    op->upper_case = *p == 'B' || *p == 'L';
    op->is_guid = *p == 'l' || *p == 'L';
    return *p && strchr("bBlL", *p) ? p + 1 : p;
}

/* Returns what follows the characters behind the p that belong to it. */
static const char *pointer_kind(Compilation *in, const char *p, PrintOp *op)
{
    op->kind = PRINT_OP_POINTER;
    switch (p[1]) {
    case 'F':
    case 'S':
        op->kind = PRINT_OP_SYMBOL_OFFSET;
        break;
    case 'f':
    case 's':
        op->kind = PRINT_OP_SYMBOL;
        break;
    case 'M':
    case 'm':
    case 'I':
    case 'i':
    case 'h':
        in->uncovered = true; /* addresses, identifiers, bytes */
        break;
    default:
        return p + 1;
    }
    return p + 2;
}

static const char *add_pointer(Compilation *in, const char *p)
{
    bool was_uncovered = in->uncovered;
    Item item = {.argument = in->next};

    in->uncovered = false;
    in->next = in->next->next;
    if (p[1] == 'U') {
        p = compile_uuid(in, p + 2, item.argument, &item.op);
    } else {
        p = pointer_kind(in, p, &item.op);
        item.op.number = compile_number(in, item.argument);
    }
    add_item(in, &item, was_uncovered);
    return p;
}

static void add_conversion(Compilation *in, const char *start, const char *end,
                           int longs, const struct tep_print_arg *star)
{
    const struct tep_print_arg *arg = in->next;
    bool was_uncovered = in->uncovered;
    Item item = {.argument = arg};

    in->uncovered = false;
    in->next = arg->next;
    compile_spec(in, start, end, longs, &item.op.spec);
    if (star) {
        item.op.spec.star = compile_number(in, star);
    }
    if (*end == 's') {
        item.op.kind = PRINT_OP_STRING;
        item.op.string = compile_string(in, arg);
    } else {
        item.op.kind = number_kind(&item.op.spec);
        item.op.number = compile_number(in, arg);
    }
    add_item(in, &item, was_uncovered);
}

/* parse_arg_format(): one conversion; returns what follows. */
static const char *compile_conversion(Compilation *in, const char *format)
{
    const struct tep_print_arg *star = NULL;
    const char *p = format + 1;
    int longs = 0;

    for (; *p; p++) {
        char odd[] = {'>', *p, '<'};

        if (strchr("#.-0123456789", *p)) {
            continue;
        }
        if (p - format >= MAX_CONVERSION_BYTES || (!in->next && *p == '*')) {
            in->uncovered = true;
            return p;
        }
        switch (*p) {
        case 'h':
            longs--;
            break;
        case 'l':
            longs++;
            break;
        case 'L':
            longs = 2;
            break;
        case 'z':
        case 'Z':
            longs = 1;
            break;
        case '*':
            star = in->next;
            in->next = in->next->next;
            break;
        case 'p':
        case 'd':
        case 'u':
        case 'i':
        case 'x':
        case 'X':
        case 'o':
        case 's':
            if (!in->next) {
                in->uncovered = true;
                return p;
            }
            if (*p == 'p') {
                return add_pointer(in, p);
            }
            add_conversion(in, format, p, longs, star);
            return p + 1;
        default:
            add_literal(in, odd, sizeof(odd));
            return p + 1;
        }
    }
    return p;
}

static void compile_items(Compilation *in)
{
    const char *format = in->event->print_fmt.format;

    while (format && *format) {
        format = *format == '%' && format[1] != '%'
                     ? compile_conversion(in, format)
                     : compile_text(in, format);
    }
}

static const PrintProgram *link_items(Compilation *in)
{
    PrintProgram *program = make(in, sizeof(*program));
    PrintOp *ops = make(in, (in->items->len + 1) * sizeof(*ops));

    for (guint i = 0; i < in->items->len; i++) {
        ops[i] = g_array_index(in->items, Item, i).op;
    }
    program->ops = ops;
    program->n_ops = in->items->len;
    return program;
}

static Compilation start(const PrintCompiler *compiler,
                         const struct tep_event *event)
{
    return (Compilation){
        .compiler = compiler,
        .event = (struct tep_event *)event,
        .next = event->print_fmt.args,
        .items = g_array_new(FALSE, TRUE, sizeof(Item)),
    };
}

const PrintProgram *print_compile_format(const PrintCompiler *compiler,
                                         const struct tep_event *event,
                                         PrintCoverage *coverage)
{
    Compilation in = start(compiler, event);
    const PrintProgram *program = NULL;

    compile_items(&in);
    if (!in.uncovered) {
        program = link_items(&in);
        *coverage = PRINT_COMPILED;
    } else {
        *coverage = in.unsafe ? PRINT_UNSAFE : PRINT_BY_LIBRARY;
    }
    g_array_unref(in.items);
    return program;
}

static PrintRawKind raw_kind(const struct tep_format_field *field)
{
    if (field->flags & TEP_FIELD_IS_ARRAY) {
        return field->flags & TEP_FIELD_IS_STRING ? PRINT_RAW_STRING
                                                  : PRINT_RAW_ARRAY;
    }
    if (field->flags & TEP_FIELD_IS_POINTER) {
        return PRINT_RAW_HEX;
    }
    if (field->flags & TEP_FIELD_IS_SIGNED) {
        return (field->flags & TEP_FIELD_IS_LONG) && field->size == 4
                   ? PRINT_RAW_HEX
                   : PRINT_RAW_SIGNED;
    }
    return field->flags & TEP_FIELD_IS_LONG ? PRINT_RAW_HEX
                                            : PRINT_RAW_UNSIGNED;
}

static void add_raw_field(Compilation *in, const struct tep_format_field *field)
{
    Item item = {.op = {.kind = PRINT_OP_FIELD, .raw = raw_kind(field)}};

    item.op.dynamic = field->flags & TEP_FIELD_IS_DYNAMIC;
    if (!print_field_place(field, &item.op.field)) {
        return;
    }
    g_array_append_val(in->items, item);
}

static bool shows_field(const Item *item, const struct tep_format_field *field)
{
    const struct tep_print_arg *arg = item->argument;

    while (arg && arg->type == TEP_PRINT_TYPE) {
        arg = arg->typecast.item;
    }
    return arg && arg->type == TEP_PRINT_FIELD && arg->field.field == field;
}

/*
 * print_field(): from where the field before was found, once around.  next is
 * where to look first; the length of format once its end was reached.
 */
static bool add_field_like_format(Compilation *in, const GArray *format,
                                  guint *next,
                                  const struct tep_format_field *field)
{
    bool has_0x = false;

    if (*next >= format->len ||
        (field->flags & (TEP_FIELD_IS_ARRAY | TEP_FIELD_IS_STRING))) {
        return false;
    }
    for (guint i = 0; i < format->len; i++) {
        guint at = (*next + i) % format->len;
        const Item *item = &g_array_index(format, Item, at);

        if (!item->argument) {
            has_0x = item->ends_in_0x;
        } else if (!shows_field(item, field)) {
            has_0x = false;
        } else if (item->uncovered) {
            return false;
        } else {
            if (has_0x) {
                add_literal(in, "0x", 2);
            }
            g_array_append_val(in->items, *item);
            *next = at + 1;
            return true;
        }
    }
    return false;
}

static void add_fields(Compilation *in, const GArray *format)
{
    guint next = 0;

    for (const struct tep_format_field *field = in->event->format.fields; field;
         field = field->next) {
        g_autofree char *name = g_strdup_printf(" %s=", field->name);

        add_literal(in, name, strlen(name));
        if (!add_field_like_format(in, format, &next, field)) {
            add_raw_field(in, field);
        }
    }
}

const PrintProgram *print_compile_fields(const PrintCompiler *compiler,
                                         const struct tep_event *event,
                                         const char *head, bool like_format)
{
    Compilation format = start(compiler, event);
    Compilation in = start(compiler, event);
    const PrintProgram *program;

    if (like_format && !(event->flags & TEP_EVENT_FL_FAILED)) {
        compile_items(&format);
    }
    add_literal(&in, head, strlen(head));
    add_fields(&in, format.items);
    program = link_items(&in);
    g_array_unref(format.items);
    g_array_unref(in.items);
    return program;
}
