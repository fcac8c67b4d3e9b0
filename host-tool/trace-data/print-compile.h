/*
 * PrintCompiler: makes programs of the print formats that libtraceevent parsed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PRINT_COMPILE_H
#define PRINT_COMPILE_H

#include <glib.h>

#include "trace-data/print-program.h"

struct tep_event;
struct tep_format_field;

/* Fields end below this: a __data_loc word addresses no more either. */
#define PRINT_MAX_FIELD_END (UINT32_C(1) << 16)

typedef struct PrintCompiler {
    GPtrArray *memory; /* what programs are made of, freed with g_free() */
    const SymbolTable *symbols;
    unsigned long_bytes;
    bool keep_newlines; /* in the format: the text has lines of its own */
} PrintCompiler;

typedef enum PrintCoverage {
    PRINT_COMPILED,
    PRINT_BY_LIBRARY, /* not covered; libtraceevent can print any record */
    PRINT_UNSAFE,     /* not covered; some records would make it misbehave */
} PrintCoverage;

/* NULL when the format is not covered. */
const PrintProgram *print_compile_format(const PrintCompiler *compiler,
                                         const struct tep_event *event,
                                         PrintCoverage *coverage);

/*
 * The fields one by one, " name=value", as `trace-cmd report -R` shows them;
 * like_format: numbers as the print format shows them.  head stands in front.
 */
const PrintProgram *print_compile_fields(const PrintCompiler *compiler,
                                         const struct tep_event *event,
                                         const char *head, bool like_format);

/* False where it is no field that records can have. */
bool print_field_place(const struct tep_format_field *field, PrintField *place);

#endif
