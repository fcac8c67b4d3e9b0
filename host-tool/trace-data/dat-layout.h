/*
 * DatLayout: how the two versions of trace.dat arrange what they hold.
 *
 * Both read on where they can: damage is a problem of the dat, and an error
 * only where nothing is left to show.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DAT_LAYOUT_H
#define DAT_LAYOUT_H

#include "trace-data/dat-header.h"

/* header stands behind the page size, where the versions part. */
bool dat_v6_read(DatHeader *header, GError **error);
bool dat_v7_read(DatHeader *header, GError **error);

#endif
