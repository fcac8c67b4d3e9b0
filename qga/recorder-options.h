/*
 * What to record: the choices of one recording, on the host or in a guest.
 *
 * A plain struct of its own, so that the command line, the recorder and the
 * capture share it without including each other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RECORDER_OPTIONS_H
#define RECORDER_OPTIONS_H

#include <glib.h>
#include <stdbool.h>

#define RECORDER_DEFAULT_BUFFER_KIB      4096
#define RECORDER_DEFAULT_DRAIN_TIMEOUT_S 5
/* Where all of the buffers goes out at the end. */
#define RECORDER_HELD_DRAIN_TIMEOUT_S 60

/* The caller owns all strings and arrays; arrays end with NULL. */
typedef struct RecorderOptions {
    const char *instance;  /* name of the tracefs instance to create */
    char **events;         /* "SYSTEM", "EVENT", "SYSTEM:EVENT" or with '/',
                              globs allowed; NULL: the default set */
    char **filters;        /* "SYSTEM/EVENT:FILTER"; NULL: none */
    const char *tracer;    /* NULL: no tracer but events */
    char **functions;      /* globs for set_ftrace_filter; NULL: all */
    guint64 buffer_kib;    /* for each CPU; 0: the default */
    const char *cpumask;   /* tracing_cpumask, hexadecimal; NULL: all CPUs */
    guint drain_timeout_s; /* to empty the buffers at the end */
    bool is_held;          /* a flight recording: nothing is sent but signs of
                              life until tracing is off */
} RecorderOptions;

#endif
