/*
 * OffsetQuery: what QEMU's query-vcpu-tsc-offset answers, checked.
 *
 * qapi/vcpu-tsc-offset.json describes the command.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef OFFSET_QUERY_H
#define OFFSET_QUERY_H

#include <glib.h>
#include <stdint.h>

#include "connection/guest-link.h"

typedef enum OffsetSource {
    OFFSET_SOURCE_KVM, /* exact */
    OFFSET_SOURCE_TCG, /* may creep by some ticks */
} OffsetSource;

typedef struct OffsetReading {
    uint32_t cpu_index;
    uint32_t apic_id;
    int32_t thread_id;
    char *qom_path;
    int64_t offset_ticks; /* guest = scaled host + offset, modulo 2^64 */
    uint32_t guest_khz;   /* 0 when QEMU doesn't know */
    OffsetSource source;
    /* TCG only: the guest tick from which the offset applies; else 0. */
    uint64_t effective_from_guest_ticks;
} OffsetReading;

typedef struct OffsetQuery {
    uint64_t from_host_ticks; /* just before the command was sent */
    uint64_t to_host_ticks;   /* just after the answer was there */
    uint32_t host_khz;        /* 0 when QEMU doesn't know */
    GArray *readings;         /* of OffsetReading, by cpu_index; never empty */
} OffsetQuery;

/* Asks QEMU; the error says what to do when QEMU doesn't know the command. */
OffsetQuery *offset_query_run(GuestLink *link, GError **error);
/* Checks an answer ("return" member). */
OffsetQuery *offset_query_parse(json_object *answer, GError **error);
void offset_query_free(OffsetQuery *query);

/* The reading of the vCPU with that APIC id, or NULL. */
const OffsetReading *offset_query_find(const OffsetQuery *query,
                                       uint32_t apic_id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(OffsetQuery, offset_query_free)

#endif
