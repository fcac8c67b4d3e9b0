/*
 * InferOffsets: TSC offsets that nobody told, from the two traces themselves.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef INFER_OFFSETS_H
#define INFER_OFFSETS_H

#include <glib.h>

#include "limits/limits.h"
#include "session/session-file.h"

/* Whether the clock of some vCPU is still to be found. */
gboolean infer_offsets_are_missing(const SessionMachine *machine);

/*
 * Finds them from the .dat files of host and machine in dir, which are read in
 * a confined process, and sets the vCPUs' segments with the bound of their
 * error.  A note says how it went, either way.
 */
void infer_offsets(const char *dir, const SessionMachine *host,
                   SessionMachine *machine, const Limits *limits);

#endif
