/*
 * SymbolTable: a kernel's functions by address, as /proc/kallsyms lists them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trace-data/symbol-table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Parsing takes longer than all else that opening a file needs, and most
 * reports look up few symbols or none: it is done for the first that asks.
 */
typedef struct Symbols {
    char *names; /* the text, cut into names */
    Symbol *all;
    size_t count; /* all[count] is all zero */
} Symbols;

typedef struct Lazy {
    GBytes *text;     /* NULL: none */
    gsize once;       /* g_once_init_enter()'s */
    Symbols *symbols; /* once it was done */
} Lazy;

struct SymbolTable {
    Lazy *lazy;
};

/* 16 digits are all that libtraceevent reads of an address. */
#define MAX_ADDRESS_DIGITS 16

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

static void read_symbols(Symbols *symbols)
{
    char *next = symbols->names;

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
            symbols->all[symbols->count++] = (Symbol){
                .address = line.address,
                .name = line.name,
                .size = (uint32_t)MIN(line.size, UINT32_MAX),
            };
        }
    }
}

/* libtraceevent sorts a list that has the last symbol first. */
static void reverse(Symbols *symbols)
{
    for (size_t i = 0; i < symbols->count / 2; i++) {
        Symbol swap = symbols->all[i];

        symbols->all[i] = symbols->all[symbols->count - 1 - i];
        symbols->all[symbols->count - 1 - i] = swap;
    }
}

static int compare_addresses(const void *a, const void *b)
{
    const Symbol *left = a;
    const Symbol *right = b;

    return (left->address > right->address) - (left->address < right->address);
}

static Symbols *symbols_new(GBytes *text)
{
    Symbols *symbols = g_new0(Symbols, 1);
    gsize size = 0;
    const char *data = text ? g_bytes_get_data(text, &size) : NULL;

    symbols->names = data ? g_strndup(data, size) : g_strdup("");
    symbols->all = g_new0(Symbol, count_lines(symbols->names) + 1);
    read_symbols(symbols);
    reverse(symbols);
    qsort(symbols->all, symbols->count, sizeof(Symbol), compare_addresses);
    symbols->all = g_renew(Symbol, symbols->all, symbols->count + 1);
    symbols->all[symbols->count] = (Symbol){0};
    return symbols;
}

static const Symbols *symbols_of(const SymbolTable *table)
{
    Lazy *lazy = table->lazy;

    if (g_once_init_enter(&lazy->once)) {
        lazy->symbols = symbols_new(lazy->text);
        g_once_init_leave(&lazy->once, 1);
    }
    return lazy->symbols;
}

SymbolTable *symbol_table_new(GBytes *text)
{
    SymbolTable *table = g_new0(SymbolTable, 1);

    table->lazy = g_new0(Lazy, 1);
    table->lazy->text = text ? g_bytes_ref(text) : NULL;
    return table;
}

void symbol_table_free(SymbolTable *table)
{
    if (!table) {
        return;
    }
    if (table->lazy->symbols) {
        g_free(table->lazy->symbols->names);
        g_free(table->lazy->symbols->all);
        g_free(table->lazy->symbols);
    }
    g_clear_pointer(&table->lazy->text, g_bytes_unref);
    g_free(table->lazy);
    g_free(table);
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
    const Symbols *symbols = symbols_of(table);

    return bsearch(&address, symbols->all, symbols->count, sizeof(Symbol),
                   compare_range);
}

const Symbol *symbol_table_by_name(const SymbolTable *table, const char *name)
{
    const Symbols *symbols = symbols_of(table);

    for (size_t i = 0; i < symbols->count; i++) {
        if (strcmp(symbols->all[i].name, name) == 0) {
            return &symbols->all[i];
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
