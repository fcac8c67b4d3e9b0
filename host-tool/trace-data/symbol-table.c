/*
 * SymbolTable: a kernel's functions by address, as /proc/kallsyms lists them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/symbol-table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* 16 digits are all that libtraceevent reads of an address. */
#define MAX_ADDRESS_DIGITS 16

struct SymbolTable {
    char *names; /* the text, cut into names */
    Symbol *symbols;
    size_t count; /* symbols[count] is all zero */
};

/* One line of the text. */
typedef struct Line {
    uint64_t address;
    char type;
    char *name;
    size_t size;
} Line;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || (c >= '\v' && c <= '\r');
}

static char *skip_blanks(char *p)
{
    while (is_blank(*p)) {
        p++;
    }
    return p;
}

static bool read_line(char *p, Line *line)
{
    int digits = 0;

    p = skip_blanks(p);
    line->address = 0;
    for (; digits < MAX_ADDRESS_DIGITS && g_ascii_isxdigit(*p); p++) {
        line->address = line->address << 4 | (uint64_t)g_ascii_xdigit_value(*p);
        digits++;
    }
    p = skip_blanks(p);
    if (digits == 0 || *p == '\0') {
        return false;
    }
    line->type = *p;
    p = skip_blanks(p + 1);
    line->name = p;
    while (*p != '\0' && !is_blank(*p)) {
        p++;
    }
    line->size = (size_t)(p - line->name);
    return line->size > 0;
}

/*
 * Arm lists marks such as $a, x86 the offsets of per-CPU variables: neither
 * are functions (tep_parse_kallsyms()).
 */
static bool is_function(const Line *line)
{
    return line->name[0] != '$' && line->type != 'A' && line->type != 'a';
}

static size_t count_lines(const char *text)
{
    size_t lines = 1;

    while ((text = strchr(text, '\n'))) {
        text++;
        lines++;
    }
    return lines;
}

static void read_symbols(SymbolTable *table)
{
    char *next = table->names;

    while (next && *next != '\0') {
        char *start = next;
        char *end = strchr(start, '\n');
        Line line;

        next = end ? end + 1 : NULL;
        if (end) {
            *end = '\0';
        }
        if (*start == '\0') {
            continue;
        }
        if (!read_line(start, &line)) {
            return;
        }
        if (is_function(&line)) {
            line.name[line.size] = '\0';
            table->symbols[table->count++] = (Symbol){
                .address = line.address,
                .name = line.name,
                .size = (uint32_t)MIN(line.size, UINT32_MAX),
            };
        }
    }
}

/* libtraceevent sorts a list that has the last symbol first. */
static void reverse(SymbolTable *table)
{
    for (size_t i = 0; i < table->count / 2; i++) {
        Symbol swap = table->symbols[i];

        table->symbols[i] = table->symbols[table->count - 1 - i];
        table->symbols[table->count - 1 - i] = swap;
    }
}

static int compare_addresses(const void *a, const void *b)
{
    const Symbol *left = a;
    const Symbol *right = b;

    return (left->address > right->address) - (left->address < right->address);
}

SymbolTable *symbol_table_new(const char *text, size_t size_bytes)
{
    SymbolTable *table = g_new0(SymbolTable, 1);

    table->names = text ? g_strndup(text, size_bytes) : g_strdup("");
    table->symbols = g_new0(Symbol, count_lines(table->names) + 1);
    read_symbols(table);
    reverse(table);
    qsort(table->symbols, table->count, sizeof(Symbol), compare_addresses);
    table->symbols = g_renew(Symbol, table->symbols, table->count + 1);
    table->symbols[table->count] = (Symbol){0};
    return table;
}

void symbol_table_free(SymbolTable *table)
{
    if (table) {
        g_free(table->names);
        g_free(table->symbols);
        g_free(table);
    }
}

/* A symbol reaches to the next one; what lies behind the last is unknown. */
static int compare_range(const void *key, const void *entry)
{
    uint64_t address = *(const uint64_t *)key;
    const Symbol *symbol = entry;

    if (address == symbol->address ||
        (address > symbol->address && address < symbol[1].address)) {
        return 0;
    }
    return address < symbol->address ? -1 : 1;
}

const Symbol *symbol_table_find(const SymbolTable *table, uint64_t address)
{
    return bsearch(&address, table->symbols, table->count, sizeof(Symbol),
                   compare_range);
}

const Symbol *symbol_table_by_name(const SymbolTable *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->symbols[i].name, name) == 0) {
            return &table->symbols[i];
        }
    }
    return NULL;
}

const Symbol *symbol_cache_find(SymbolCache *cache, const SymbolTable *table,
                                uint64_t address)
{
    size_t slot =
        (address * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - SYMBOL_CACHE_BITS);

    if (cache->slots[slot].table != table ||
        cache->slots[slot].address != address) {
        cache->slots[slot].table = table;
        cache->slots[slot].address = address;
        cache->slots[slot].symbol = symbol_table_find(table, address);
    }
    return cache->slots[slot].symbol;
}
