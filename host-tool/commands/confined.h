/*
 * Confined: what a command does with recordings, in a process that can do
 * nothing else.
 *
 * The command itself only opens: the recordings, what it writes to, the pager.
 * Then it forks; the child confines itself (confine.h) and does all the work,
 * and the parent waits, makes the files of a directory that the child asks
 * for, and gives a complete output its name.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CONFINED_H
#define CONFINED_H

#include <glib.h>
#include <stdbool.h>

#include "limits/limits.h"
#include "output/output.h"
#include "output/target.h"
#include "trace-data/opened-files.h"

/* Where the confined process writes to. */
typedef struct ConfinedOutput {
    OutputTarget *target;
    OutputFiles files; /* of a directory */
} ConfinedOutput;

typedef struct ConfinedCommand {
    const char *name;   /* "report" */
    const char *output; /* a path; NULL: standard output */
    bool is_directory;  /* the output is one */
    bool is_paged;      /* standard output leads to a pager */
    Limits limits;
    const OpenedFiles *const *files; /* n_files sets of what is read */
    unsigned n_files;
    /*
     * In the confined process.  Sets the exit status; the output is kept when
     * it returns true, whatever that is.  It may print on both standard
     * streams.
     */
    bool (*run)(const ConfinedOutput *output, gpointer data, int *status,
                GError **error);
    gpointer data;
} ConfinedCommand;

/*
 * Runs it, prints what went wrong, and returns the program's exit status.  A
 * signal that ends the program leaves no incomplete output.
 */
int confined_command_run(const ConfinedCommand *command);

#endif
