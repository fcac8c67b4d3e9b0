/*
 * Selection: which events of which machines are wanted.
 *
 * Filled from a command's options, then applied to the inputs of a timeline.
 * What differs in kind narrows (--machine and --cpu: both must hold), what is
 * of one kind widens (two --cpu: either).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SELECTION_H
#define SELECTION_H

#include <glib.h>
#include <stdbool.h>

#include "merge/timeline-input.h"
#include "trace-data/event-filter.h"

typedef struct Selection Selection;

/* A filter that is for all files. */
#define SELECTION_ALL_FILES (-1)

Selection *selection_new(void);
void selection_free(Selection *selection);

/*
 * Each takes a list with commas.  Machines are globs over the inputs' labels,
 * or over a label's file name with or without ".dat".  CPUs are "0,2-5" or
 * "MACHINE:0,2-5"; vCPUs likewise, by the guest kernel's numbers.  Events are
 * patterns of event-filter.h, pids numbers.  Errors name the bad word.
 */
bool selection_add_machines(Selection *selection, const char *list,
                            GError **error);
bool selection_add_cpus(Selection *selection, const char *list, GError **error);
bool selection_add_vcpus(Selection *selection, const char *list,
                         GError **error);
bool selection_add_events(Selection *selection, const char *list,
                          GError **error);
bool selection_add_pids(Selection *selection, const char *list, GError **error);

/* A filter for the inputs of one file (TimelineInput's file), or for all. */
bool selection_add_filter(Selection *selection, const char *text,
                          EventFilterSense sense, int file, GError **error);

/* Does a pattern for machines mean this input?  NULL means all. */
bool selection_names_machine(const char *pattern, const TimelineInput *input);

/*
 * Sets what the inputs (of TimelineInput) want; the selection must outlive
 * them.  Fails on a name that no input knows.  Sentences about what is
 * probably a mistake are added to warnings (of char *).
 */
bool selection_apply(Selection *selection, GPtrArray *inputs,
                     GPtrArray *warnings, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Selection, selection_free)

#endif
