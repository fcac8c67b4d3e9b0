/*
 * An analysis as JSON.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef ANALYSIS_JSON_H
#define ANALYSIS_JSON_H

#include <stdio.h>

#include "explain/analysis.h"

/*
 * All of it: certificate, findings with parts and segments, groups, sums and
 * statistics.
 */
void analysis_json(const Analysis *analysis, FILE *stream);

#endif
