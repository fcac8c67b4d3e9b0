/*
 * Options of a trace.dat file: their numbers, and how to read them.
 *
 * Numbers and layouts: trace-cmd.dat.v6(5), trace-cmd.dat.v7(5) and
 * lib/trace-cmd/trace-input.c (handle_options()) of trace-cmd 3.1.6.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DAT_OPTIONS_H
#define DAT_OPTIONS_H

#include "trace-data/dat-file.h"

typedef enum DatOptionId {
    DAT_OPTION_DONE = 0,
    DAT_OPTION_DATE = 1,
    DAT_OPTION_CPUSTAT = 2,
    DAT_OPTION_BUFFER = 3,
    DAT_OPTION_TRACECLOCK = 4,
    DAT_OPTION_UNAME = 5,
    DAT_OPTION_HOOK = 6,
    DAT_OPTION_OFFSET = 7,
    DAT_OPTION_CPUCOUNT = 8,
    DAT_OPTION_VERSION = 9,
    DAT_OPTION_PROCMAPS = 10,
    DAT_OPTION_TRACEID = 11,
    DAT_OPTION_TIME_SHIFT = 12,
    DAT_OPTION_GUEST = 13,
    DAT_OPTION_TSC2NSEC = 14,
    /* Version 7 only: where the header's parts are. */
    DAT_OPTION_STRINGS = 15,
    DAT_OPTION_HEADER_INFO = 16,
    DAT_OPTION_FTRACE_EVENTS = 17,
    DAT_OPTION_EVENT_FORMATS = 18,
    DAT_OPTION_KALLSYMS = 19,
    DAT_OPTION_PRINTK = 20,
    DAT_OPTION_CMDLINES = 21,
    DAT_OPTION_BUFFER_TEXT = 22,
} DatOptionId;

/*
 * Takes over what a reader of events needs of one option.  option's data is
 * followed by a NUL.  NULL, or why the option can't be used (caller frees).
 */
char *dat_option_read(DatFile *dat, DatOptionId id, GBytes *option);

#endif
