/*
 * TracerText: the text that a latency tracer's file holds in place of events.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TRACER_TEXT_H
#define TRACER_TEXT_H

#include "output/output.h"

/*
 * Writes it as `trace-cmd report` does, control characters escaped.  Nothing
 * for a file of events.
 */
bool tracer_text_write(const OutputJob *job, DatFile *dat, GError **error);

#endif
