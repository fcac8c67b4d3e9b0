/*
 * EventTable's inside, for the files that print from it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef EVENT_TABLE_PRIVATE_H
#define EVENT_TABLE_PRIVATE_H

#include <traceevent/event-parse.h>
#include <traceevent/trace-seq.h>

#include "trace-data/comm-table.h"
#include "trace-data/event-table.h"
#include "trace-data/print-program.h"
#include "trace-data/symbol-table.h"

#define EVENT_MAX_IDS 65536

/*
 * libtraceevent reads fields where the format says they are, without asking
 * how long the record is.  A __data_loc word addresses no more than this.
 */
#define EVENT_RECORD_BYTES (2u << 16)

struct EventTable {
    gatomicrefcount refs;
    struct tep_handle *tep;
    unsigned bad_formats;
    GHashTable *guest_symbols; /* vCPU thread id -> SymbolTable, not owned */
    EventType **types;         /* by event id, made when first asked for */
    GPtrArray *printers; /* of EventPrinter, owned; who prints makes them */
    unsigned n_by_library;
    uint8_t *sample; /* EVENT_RECORD_BYTES of zeros, to ask libtraceevent by */
    SymbolTable *symbols;
    CommTable *comms;           /* as printing goes on */
    CommTable *saved_comms;     /* as the file lists them: only read */
    GHashTable *kernel_strings; /* uint64_t address -> char *, escaped */
    unsigned long_bytes;
    PrintField pid_place;
    PrintField flags_place;
    PrintField preempt_place;
    bool odd_flags; /* more columns than today's kernels have */
};

/* libtraceevent and its plugins are not made for threads. */
void event_table_lock_library(void);
void event_table_unlock_library(void);

#endif
