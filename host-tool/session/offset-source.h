/*
 * OffsetSource: where the TSC offsets of a guest come from.
 *
 * A QEMU with query-vcpu-tsc-offset tells them.  With any other one KVM's
 * files in debugfs do, and where that fails too, they are inferred from the
 * two traces once those are there.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef OFFSET_SOURCE_H
#define OFFSET_SOURCE_H

#include "connection/offset-query.h"

/* What the user allows. */
typedef enum OffsetChoice {
    OFFSET_CHOICE_BEST,
    OFFSET_CHOICE_QMP,
    OFFSET_CHOICE_DEBUGFS,
    OFFSET_CHOICE_INFERRED,
} OffsetChoice;

/* FALSE when name is none of "auto", "qmp", "debugfs", "inferred". */
gboolean offset_choice_parse(const char *name, OffsetChoice *choice);

/*
 * The vCPUs, with as much of their offsets as can be had; freshness is for
 * QEMU's own answer, debugfs is always fresh and disturbs nobody.
 */
OffsetQuery *offset_source_query(GuestLink *link, OffsetChoice choice,
                                 OffsetFreshness freshness, GError **error);

#endif
