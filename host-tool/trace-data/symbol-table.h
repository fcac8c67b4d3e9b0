/*
 * SymbolTable: a kernel's functions by address, as /proc/kallsyms lists them.
 *
 * Finds what libtraceevent finds, alias by alias, without its cost of parsing,
 * which is put off until a symbol is asked for.  Any thread may ask.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYMBOL_TABLE_H
#define SYMBOL_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <glib.h>

typedef struct SymbolTable SymbolTable;

/* The layout of what libtraceevent sorts, so that aliases sort alike. */
typedef struct Symbol {
    uint64_t address;
    const char *name; /* ends with a NUL */
    uint32_t size;    /* of the name */
} Symbol;

/* text may be NULL; it ends at a NUL.  Lines from the first that can't be read
 * on are ignored, as in libtraceevent.  Takes a reference. */
SymbolTable *symbol_table_new(GBytes *text);
void symbol_table_free(SymbolTable *table);

/* The function that holds the address, or NULL. */
const Symbol *symbol_table_find(const SymbolTable *table, uint64_t address);
/* The first of this name by address, or NULL; slow. */
const Symbol *symbol_table_by_name(const SymbolTable *table, const char *name);

/* Remembers what was found; one for each thread. */
#define SYMBOL_CACHE_BITS 10
typedef struct SymbolCache {
    struct {
        const SymbolTable *table;
        uint64_t address;
        const Symbol *symbol;
    } slots[1 << SYMBOL_CACHE_BITS];
} SymbolCache;

const Symbol *symbol_cache_find(SymbolCache *cache, const SymbolTable *table,
                                uint64_t address);

#endif
