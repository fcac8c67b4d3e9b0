/*
 * FormatCheck: whether an event's format text is what kernels write.
 *
 *     name: NAME
 *     ID: NUMBER
 *     format:
 *     <TAB>field:TYPE NAME;<TAB>offset:N;<TAB>size:N;<TAB>signed:N;
 *     ...
 *     print fmt: STRING... [, ARGUMENT]...
 *
 *     ARGUMENT  UNARY [OPERATOR ARGUMENT | ? ARGUMENT : ARGUMENT]
 *     UNARY     (TYPE) UNARY | ! UNARY | ~ UNARY | - UNARY | PRIMARY
 *     PRIMARY   (ARGUMENT) | NUMBER | STRING... | CHARACTER |
 *               NAME [(ARGUMENT, ...)] with [->NAME] and [[ARGUMENT]] behind
 *     and {ARGUMENT, STRING...} in a call of __print_flags() and its like
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/format-check.h"

#include <glib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What is left of a text. */
typedef struct Scan {
    const char *next;
    const char *end;
    const Limits *limits;
    unsigned depth;
    unsigned n_operators;
    const char *fields; /* where names of fields are looked up */
    const char *fields_end;
} Scan;

static bool is_name_start(char c)
{
    return g_ascii_isalpha(c) || c == '_';
}

static bool is_name_char(char c)
{
    return is_name_start(c) || g_ascii_isdigit(c);
}

static char peek(const Scan *scan)
{
    return scan->next < scan->end ? *scan->next : '\0';
}

static void skip_blanks(Scan *scan)
{
    while (peek(scan) == ' ' || peek(scan) == '\t') {
        scan->next++;
    }
}

/* Exactly this, here. */
static bool take_text(Scan *scan, const char *text)
{
    size_t size = strlen(text);

    if ((size_t)(scan->end - scan->next) < size ||
        memcmp(scan->next, text, size) != 0) {
        return false;
    }
    scan->next += size;
    return true;
}

/* The same behind blanks. */
static bool take(Scan *scan, const char *text)
{
    skip_blanks(scan);
    return take_text(scan, text);
}

static bool take_name(Scan *scan)
{
    skip_blanks(scan);
    if (!is_name_start(peek(scan))) {
        return false;
    }
    while (is_name_char(peek(scan))) {
        scan->next++;
    }
    return true;
}

static bool take_digits(Scan *scan)
{
    const char *start = scan->next;

    while (g_ascii_isdigit(peek(scan))) {
        scan->next++;
    }
    return scan->next > start && scan->next - start <= 9;
}

/* --- fields --- */

/* Brackets in pairs, and names, numbers and stars: TYPE NAME. */
static bool take_declaration(Scan *scan)
{
    bool has_name = false;
    bool is_open = false;

    for (; peek(scan) != ';'; scan->next++) {
        char c = peek(scan);

        if (is_name_char(c)) {
            has_name = true;
        } else if (c == '[' || c == ']') {
            if ((c == '[') == is_open || !has_name) {
                return false;
            }
            is_open = c == '[';
        } else if (c == '\0' || !strchr(is_open ? " +-*/()" : " *():,", c)) {
            return false;
        }
    }
    return has_name && !is_open &&
           (is_name_char(scan->next[-1]) || scan->next[-1] == ']');
}

static bool take_number_of(Scan *scan, const char *name)
{
    return take(scan, name) && take_digits(scan) && take_text(scan, ";");
}

/*
 * A field of variable size is a word that tells where it is: 32 bits in every
 * kernel, and libtraceevent reads another size as if it were.
 */
static bool take_size(Scan *scan, const char *declaration, size_t length)
{
    bool is_location =
        g_strstr_len(declaration, (gssize)length, "__data_loc") ||
        g_strstr_len(declaration, (gssize)length, "__rel_loc");

    return is_location ? take(scan, "size:4;") : take_number_of(scan, "size:");
}

static bool take_field(Scan *scan)
{
    const char *declaration = scan->next;
    size_t length;

    if (!take(scan, "field:") || !take_declaration(scan)) {
        return false;
    }
    length = (size_t)(scan->next - declaration);
    return take_text(scan, ";") && take_number_of(scan, "offset:") &&
           take_size(scan, declaration, length) &&
           (take_text(scan, "\n") ||
            (take(scan, "signed:") && take_digits(scan) &&
             take_text(scan, ";") && take_text(scan, "\n")));
}

static bool take_head(Scan *scan)
{
    if (!take(scan, "name: ") || !take_name(scan)) {
        return false;
    }
    /* Some names of events have these, too. */
    while (is_name_char(peek(scan)) || peek(scan) == '.' || peek(scan) == '-') {
        scan->next++;
    }
    return take_text(scan, "\nID: ") && take_digits(scan) &&
           take_text(scan, "\nformat:\n");
}

static bool take_fields(Scan *scan)
{
    unsigned n = 0;

    while (peek(scan) == '\t' || peek(scan) == '\n') {
        if (take_text(scan, "\n")) {
            continue;
        }
        if (++n > scan->limits->format_fields || !take_field(scan)) {
            return false;
        }
    }
    return true;
}

/* --- the print format --- */

static bool take_argument(Scan *scan);

/* Nothing is taken of what has no end. */
static bool take_quoted(Scan *scan, char quote)
{
    const char *p;

    skip_blanks(scan);
    if (peek(scan) != quote) {
        return false;
    }
    for (p = scan->next + 1; p < scan->end && *p != quote; p++) {
        if (*p == '\\') {
            p++;
        }
        if (p == scan->end || *p == '\n') {
            return false;
        }
    }
    if (p == scan->end) {
        return false;
    }
    scan->next = p + 1;
    return true;
}

static bool take_strings(Scan *scan)
{
    if (!take_quoted(scan, '"')) {
        return false;
    }
    while (take_quoted(scan, '"')) {
    }
    return true;
}

/* 0x10UL, 017, 20; also what looks like one to libtraceevent. */
static bool take_number(Scan *scan)
{
    skip_blanks(scan);
    if (!g_ascii_isdigit(peek(scan))) {
        return false;
    }
    while (is_name_char(peek(scan))) {
        scan->next++;
    }
    return true;
}

/* Is there a field of this name: "TYPE NAME;" or "TYPE NAME[COUNT];"? */
static bool is_field(const Scan *scan, const char *name, size_t size)
{
    for (const char *p = scan->fields + 1; p + size < scan->fields_end; p++) {
        if ((p[size] == ';' || p[size] == '[') && !is_name_char(p[-1]) &&
            memcmp(p, name, size) == 0) {
            return true;
        }
    }
    return false;
}

/* "->NAME" behind REC, which must be a field's. */
static bool take_member(Scan *scan)
{
    const char *name;

    skip_blanks(scan);
    name = scan->next;
    return take_name(scan) && is_field(scan, name, (size_t)(scan->next - name));
}

/* A text, or the end of a table: "((void *)0)", which some kernels show. */
static bool take_pair_text(Scan *scan)
{
    return take_strings(scan) || take(scan, "((void *)0)");
}

/*
 * What stands behind the brace; kvm_exception has an empty one.  Pairs are
 * read one after the other, so that the operators of one are no steps of
 * recursion more for the next: the flags of GFP are many.
 */
static bool take_pair(Scan *scan)
{
    unsigned n_operators = scan->n_operators;

    if (!take(scan, "}") && !(take_argument(scan) && take(scan, ",") &&
                              take_pair_text(scan) && take(scan, "}"))) {
        return false;
    }
    scan->n_operators = n_operators;
    return true;
}

/* What stands between the parentheses of a call, and the last one. */
static bool take_call(Scan *scan, bool has_pairs)
{
    bool is_first = true;

    if (take(scan, ")")) {
        return true;
    }
    do {
        if (take(scan, "{")) {
            if (!has_pairs || is_first || !take_pair(scan)) {
                return false;
            }
        } else if (!take_argument(scan)) {
            return false;
        }
        is_first = false;
    } while (take(scan, ","));
    return take(scan, ")");
}

/* __get_str() and its like name a field without REC. */
static bool take_get(Scan *scan)
{
    return take_member(scan) && take(scan, ")");
}

static bool is_called(const char *name, size_t size, const char *prefix)
{
    return size >= strlen(prefix) && memcmp(name, prefix, strlen(prefix)) == 0;
}

/* A name, and what stands behind it. */
static bool take_named(Scan *scan)
{
    const char *name;
    size_t size;

    skip_blanks(scan);
    name = scan->next;
    if (!take_name(scan)) {
        return false;
    }
    size = (size_t)(scan->next - name);
    if (take(scan, "(")) {
        if (is_called(name, size, "__get_")) {
            return take_get(scan);
        }
        return take_call(scan, is_called(name, size, "__print_flags") ||
                                   is_called(name, size, "__print_symbolic"));
    }
    if (take(scan, "->")) {
        return size == strlen("REC") && is_called(name, size, "REC") &&
               take_member(scan);
    }
    return true;
}

/* "(u32)", "(unsigned long *)"; else nothing is taken. */
static bool take_cast(Scan *scan)
{
    const char *start = scan->next;
    unsigned n_words = 0;
    unsigned n_stars = 0;

    if (take(scan, "(")) {
        while (take_name(scan)) {
            n_words++;
        }
        while (take(scan, "*")) {
            n_stars++;
        }
        if (n_words > 0 && take(scan, ")")) {
            char c;

            skip_blanks(scan);
            c = peek(scan);
            /* "(NAME)" alone is no cast, and nothing else is one. */
            if (is_name_char(c) || (c != '\0' && strchr("(\"'~!", c)) ||
                n_words > 1 || n_stars > 0) {
                return true;
            }
        }
    }
    scan->next = start;
    return false;
}

static bool take_primary(Scan *scan)
{
    bool taken;

    skip_blanks(scan);
    if (take_text(scan, "(REC)->")) {
        taken = take_member(scan);
    } else if (take(scan, "(")) {
        taken = take_argument(scan) && take(scan, ")");
    } else if (peek(scan) == '"') {
        return take_strings(scan);
    } else if (peek(scan) == '\'') {
        return take_quoted(scan, '\'');
    } else {
        taken =
            g_ascii_isdigit(peek(scan)) ? take_number(scan) : take_named(scan);
    }
    while (taken && take(scan, "[")) {
        taken = take_argument(scan) && take(scan, "]");
    }
    return taken;
}

static bool take_unary(Scan *scan)
{
    while (take_cast(scan) || take(scan, "!") || take(scan, "~") ||
           take(scan, "-")) {
        if (++scan->n_operators > scan->limits->format_operators) {
            return false;
        }
    }
    return take_primary(scan);
}

/* libtraceevent divides by a number while it reads, and by zero, too. */
static bool is_divisor(const Scan *scan)
{
    char number[32];
    const char *p = scan->next;
    size_t size;

    while (p < scan->end && strchr(" (", *p)) {
        p++;
    }
    size = MIN(sizeof(number) - 1, (size_t)(scan->end - p));
    memcpy(number, p, size);
    number[size] = '\0';
    return !g_ascii_isdigit(*number) || strtoull(number, NULL, 0) != 0;
}

static bool take_operator(Scan *scan)
{
    /* Longer ones first. */
    static const char *const operators[] = {
        "&&", "||", "==", "!=", "<=", ">=", "<<", ">>", "<",
        ">",  "+",  "-",  "*",  "/",  "%",  "&",  "|",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(operators); i++) {
        if (take(scan, operators[i])) {
            return !strchr("/%", *operators[i]) || is_divisor(scan);
        }
    }
    return false;
}

static bool take_row(Scan *scan)
{
    do {
        if (++scan->n_operators > scan->limits->format_operators ||
            !take_unary(scan)) {
            return false;
        }
    } while (take_operator(scan));
    if (!take(scan, "?")) {
        return true;
    }
    return take_argument(scan) && take(scan, ":") && take_argument(scan);
}

static bool take_argument(Scan *scan)
{
    bool taken;

    if (scan->depth >= scan->limits->format_depth) {
        return false;
    }
    scan->depth++;
    taken = take_row(scan);
    scan->depth--;
    return taken;
}

/* The next character of strings one behind the other; '\0' at the end. */
static char string_char(const char **next, const char *end)
{
    const char *p = *next;
    char c;

    while (p < end && *p == '"') {
        do {
            p++;
        } while (p < end && *p != '"');
        p += p < end;
    }
    if (p == end) {
        return '\0';
    }
    c = *p;
    *next = MIN(p + (c == '\\' ? 2 : 1), end);
    return c;
}

/*
 * In each conversion, flags, width, precision and length come in this order.
 * printf() prints others as they stand, libtraceevent takes them in any order.
 */
static bool has_sound_conversions(const char *strings, const char *end)
{
    const char *p = strings + 1;

    for (char c = string_char(&p, end); c; c = string_char(&p, end)) {
        if (c != '%') {
            continue;
        }
        do {
            c = string_char(&p, end);
        } while (c && strchr("#-+0", c));
        while (g_ascii_isdigit(c) || c == '*') {
            c = string_char(&p, end);
        }
        if (c == '.') {
            do {
                c = string_char(&p, end);
            } while (g_ascii_isdigit(c) || c == '*');
        }
        while (c && strchr("hlLzZ", c)) {
            c = string_char(&p, end);
        }
        if (g_ascii_isdigit(c) || (c && strchr("#-+.*", c))) {
            return false;
        }
    }
    return true;
}

static bool take_print(Scan *scan)
{
    const char *strings;

    if (!take_text(scan, "print fmt:")) {
        return false;
    }
    skip_blanks(scan);
    strings = scan->next;
    if (!take_strings(scan) || !has_sound_conversions(strings, scan->next)) {
        return false;
    }
    while (take(scan, ",")) {
        scan->n_operators = 0;
        if (!take_argument(scan)) {
            return false;
        }
    }
    while (take(scan, "\n")) {
    }
    return scan->next == scan->end;
}

static bool is_text(const char *text, size_t size, uint64_t max_bytes)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < 0x20 && c != '\t' && c != '\n') || c >= 0x7f) {
            return false;
        }
    }
    return size > 0 && size <= max_bytes;
}

FormatCheck format_check(const char *text, size_t size, const Limits *limits,
                         size_t *print)
{
    Scan scan = {.next = text, .fields = text, .limits = limits};

    if (!is_text(text, size, limits->format_bytes)) {
        return FORMAT_BAD;
    }
    scan.end = text + size;
    if (!take_head(&scan) || !take_fields(&scan)) {
        return FORMAT_BAD;
    }
    scan.fields_end = scan.next;
    *print = (size_t)(scan.next - text);
    return take_print(&scan) ? FORMAT_SOUND : FORMAT_BAD_PRINT;
}
