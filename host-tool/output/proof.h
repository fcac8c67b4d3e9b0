/*
 * Proof: the lines of the timeline that show why a finding is so.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PROOF_H
#define PROOF_H

#include <glib.h>

#include "explain/interval.h"

/*
 * Up to n_lines lines at which the finding's causes change, those of its
 * longest pieces first, in the order of time: of char *, with the machine's
 * label, without newlines at their ends.  inputs: those of the analysis.
 * Caller unrefs.
 */
GPtrArray *proof_lines(const Finding *finding, GPtrArray *inputs,
                       unsigned n_lines);

#endif
