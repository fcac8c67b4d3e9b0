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
    OFFSET_SOURCE_KVM,     /* exact */
    OFFSET_SOURCE_KVM_MSR, /* KVM is too old to tell: within error_ticks */
    OFFSET_SOURCE_TCG,     /* may creep by some ticks */
    /* Not from QEMU: */
    OFFSET_SOURCE_DEBUGFS,  /* KVM's own file, exact */
    OFFSET_SOURCE_NONE_KVM, /* offset_ticks means nothing */
    OFFSET_SOURCE_NONE_TCG,
} OffsetSource;

/* What QEMU is to answer from. */
typedef enum OffsetFreshness {
    OFFSET_TRACKED, /* what it knows, which disturbs no vCPU */
    OFFSET_FRESH,   /* a reading of KVM, which takes vCPUs out of the guest */
} OffsetFreshness;

/* A clock that a vCPU has or had, and between which ticks it took effect. */
typedef struct OffsetClock {
    int64_t offset_ticks;
    uint64_t error_ticks;
    uint64_t ratio;
    uint32_t frac_bits;
    uint64_t since_from_host_ticks;
    uint64_t since_to_host_ticks;
} OffsetClock;

typedef struct OffsetReading {
    uint32_t cpu_index;
    uint32_t apic_id;
    int32_t thread_id;
    char *qom_path;
    int64_t offset_ticks; /* guest = scaled host + offset, modulo 2^64 */
    uint32_t guest_khz;   /* 0 when QEMU doesn't know */
    OffsetSource source;
    uint64_t error_ticks; /* of offset_ticks, either way */
    /* Of the scaling, 1 and 0 without; ratio is 0 when QEMU doesn't tell. */
    uint64_t ratio;
    uint32_t frac_bits;
    gboolean is_ratio_assumed;     /* by KVM's formula, and not checked */
    uint64_t confirmed_host_ticks; /* when QEMU looked; 0 when not told */
    /* Of OffsetClock, oldest first, the present one last; NULL: not told. */
    GArray *clocks;
    /* TCG only: the guest tick from which the offset applies; else 0. */
    uint64_t effective_from_guest_ticks;
} OffsetReading;

typedef struct OffsetQuery {
    uint64_t from_host_ticks; /* just before the command was sent */
    uint64_t to_host_ticks;   /* just after the answer was there */
    uint32_t host_khz;        /* 0 when QEMU doesn't know */
    GArray *readings;         /* of OffsetReading, by cpu_index; never empty */
} OffsetQuery;

/*
 * Asks QEMU; the error says what to do when QEMU doesn't know the command.
 * The command's first version, which has no tracking, always reads afresh.
 */
OffsetQuery *offset_query_run(GuestLink *link, OffsetFreshness freshness,
                              GError **error);
/* One without readings, to be filled by who asks in other ways. */
OffsetQuery *offset_query_new(void);
/* Checks an answer ("return" member). */
OffsetQuery *offset_query_parse(json_object *answer, GError **error);
void offset_query_free(OffsetQuery *query);

/* Whether the guest runs under TCG rather than KVM. */
gboolean offset_source_is_tcg(OffsetSource source);
/* Whether offset_ticks is known. */
gboolean offset_source_has_offset(OffsetSource source);

/* The reading of the vCPU with that APIC id, or NULL. */
const OffsetReading *offset_query_find(const OffsetQuery *query,
                                       uint32_t apic_id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(OffsetQuery, offset_query_free)

#endif
