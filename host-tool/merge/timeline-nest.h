/*
 * Nested inputs: a guest's guest on the line of the outermost host.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TIMELINE_NEST_H
#define TIMELINE_NEST_H

#include <glib.h>
#include <stdbool.h>

#include "merge/timeline.h"

/*
 * The guest's tracks map its ticks to those of the machine that `host` is a
 * recording of, itself a guest: composes them with host's own, and takes over
 * host's scale and shift.  host must outlive the guest, and be nested first if
 * it is.  Where host's CPUs don't agree on their clock, the difference becomes
 * part of the error.  Fails if the two never held at the same time.
 */
bool timeline_input_nest(TimelineInput *guest, const TimelineInput *host,
                         GError **error);

/*
 * Nests every input (of TimelineInput) under its parent, parents first;
 * parents[i] is that of inputs[i], NULL for none.  Fails if they go round in
 * a circle, as hostile files may.
 */
bool timeline_inputs_nest(GPtrArray *inputs,
                          const TimelineInput *const *parents, GError **error);

/*
 * Another recording of the machine that `twin` is a recording of: has its
 * clocks, vCPU threads, host, scale and shift.
 */
void timeline_input_copy_clocks(TimelineInput *input,
                                const TimelineInput *twin);

#endif
