/*
 * SelectOptions: how a command is told which events are wanted.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SELECT_OPTIONS_H
#define SELECT_OPTIONS_H

#include <glib.h>

#include "commands/input-options.h"
#include "merge/timeline.h"

typedef struct SelectOptions SelectOptions;

/* input_options must outlive it: a filter belongs to the -i before it. */
SelectOptions *select_options_new(const InputOptions *input_options);
void select_options_free(SelectOptions *options);

/* The group to add to a context; owns nothing. */
GOptionGroup *select_options_group(SelectOptions *options);

/*
 * Leaves the inputs (of TimelineInput) with what is wanted of them.  The
 * options must outlive the inputs.  Warnings go to stderr.
 */
gboolean select_options_apply(SelectOptions *options, GPtrArray *inputs,
                              GError **error);

/* Moves a timeline of these inputs to the part of it that is wanted. */
gboolean select_options_seek(const SelectOptions *options, GPtrArray *inputs,
                             Timeline *timeline, GError **error);

/*
 * Nothing was left of the timeline: says so on stderr where that is because of
 * the times that were asked for.  Moves the timeline.
 */
void select_options_warn_empty(const SelectOptions *options, GPtrArray *inputs,
                               Timeline *timeline);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SelectOptions, select_options_free)

#endif
