/*
 * FreezeSkew: when the machines of a flight recording turned tracing off, on
 * the host's clock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FREEZE_SKEW_H
#define FREEZE_SKEW_H

#include <glib.h>
#include <stdint.h>

#include "session/session-file.h"

/*
 * Tracing went off between these two host ticks.  FALSE if the machine did not
 * freeze, or if its clock is not known at its end.
 */
gboolean freeze_host_ticks(const SessionMachine *machine, uint64_t *from_ticks,
                           uint64_t *to_ticks);

/*
 * How much later than the host the machine's tracing was off, in nanoseconds
 * by the session's own scale; negative: earlier.  FALSE as above, of either.
 */
gboolean freeze_skew_ns(const Session *session, const SessionMachine *machine,
                        int64_t *skew_ns);

/* Why, for people: "the host said so". */
const char *freeze_cause_text(TraceFreezeCause cause);

#endif
