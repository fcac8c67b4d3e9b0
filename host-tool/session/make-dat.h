/*
 * make_dat(): a machine's stored stream becomes its trace.dat file.
 *
 * The bytes are parsed in a confined process; this side opens the files,
 * checks the answer and puts the file under its name.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MAKE_DAT_H
#define MAKE_DAT_H

#include <glib.h>

#include "limits/limits.h"
#include "session/session-file.h"
#include "trace-data/dat-writer.h"

/*
 * Only the HELLO of DIR/NAME.stream: sets machine->trace_id.  *hello_cpus
 * becomes a GArray of TraceHelloCpu that the caller owns.  For the map from
 * APIC ids to guest CPUs, before the options of make_dat() are known.
 */
gboolean make_dat_peek(const char *dir, SessionMachine *machine,
                       const Limits *limits, GArray **hello_cpus,
                       GError **error);

/*
 * Write DIR/NAME.dat from DIR/NAME.stream, or replace it; it appears only
 * when it is whole.  The stream is left as it is.  Sets machine->trace_id,
 * ended, cpus and dat_file, and adds to notes what is missing, be it in the
 * stream or in the confinement.  hello_cpus may be NULL.
 *
 * Fails if a file cannot be opened or written, if the stream has no proper
 * HELLO, or if the confined process came to grief; then the machine and any
 * older .dat file are as they were.
 */
gboolean make_dat(const char *dir, SessionMachine *machine,
                  const DatOptions *options, const Limits *limits,
                  GArray **hello_cpus, GError **error);

#endif
