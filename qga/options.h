/*
 * Options: the command line of qga-trace.
 *
 * One table for each command feeds parsing and --help.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <glib.h>
#include <stdbool.h>

#include "recorder-options.h"

typedef enum CommandKind {
    COMMAND_HELP, /* help_text is to be printed */
    COMMAND_VERSION,
    COMMAND_START,
    COMMAND_STOP,
    COMMAND_STATUS,
    COMMAND_RECORD,
} CommandKind;

typedef struct Options {
    CommandKind command;
    RecorderOptions recorder;
    char *port;      /* name of the virtio-serial port */
    char *output;    /* a file instead of the port, or NULL */
    char *state_dir; /* where recorder and commands meet */
    guint stop_timeout_s;
    gboolean is_verbose;  /* GLib's type, as its option parser sets it */
    gboolean is_snapshot; /* a flight recording */
    char *stop_marker;    /* trace_marker's text that ends it, or NULL */
    gboolean is_unasked;  /* "record" does not ask the host */
    char **host_events;   /* to ask the host for; NULL: its default */
    gboolean forgets;     /* "status" removes the state */
    guint duration_s;     /* of "record" at most; 0: no limit */
    char **run;           /* the command of "record", or NULL */
    char *help_text;
    /* What GLib's parser stores and we convert or own. */
    char *tracer_arg;
    char *cpumask_arg;
    gint64 buffer_kib_arg;
    int drain_timeout_arg; /* -1: not given */
    int duration_arg;
    int stop_timeout_arg;
} Options;

/* @argv: main's, NULL-terminated; it is not changed. */
Options *options_parse(char **argv, GError **error);
void options_free(Options *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Options, options_free)

#endif
