/*
 * DatBuilder: small trace.dat files made of chosen events, for tests.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DAT_BUILDER_H
#define DAT_BUILDER_H

#include <glib.h>
#include <stdint.h>

#include "merge/timeline.h"
#include "trace-data/dat-writer.h"

/* The event types that a built file knows. */
typedef enum BuiltEvent {
    BUILT_KVM_ENTRY = 100, /* value: vcpu_id */
    BUILT_KVM_EXIT = 101,  /* value: vcpu_id */
    BUILT_WRITE_TSC = 102, /* value: next offset; the previous one is 0 */
    BUILT_NUMBER = 103,    /* value: printed as number=VALUE */
    BUILT_MANY = 104,      /* fields of all kinds; see dat-builder.c */
    /* By dat_builder_add_words(), with these fields: */
    BUILT_SWITCH = 105,      /* prev_pid, prev_state, next_pid */
    BUILT_WAKING = 106,      /* pid, target_cpu */
    BUILT_EXIT = 107,        /* vcpu_id, exit_reason, isa: a kvm_exit, too */
    BUILT_TIMER_ENTRY = 108, /* vector */
    BUILT_TIMER_EXIT = 109,  /* vector */
    BUILT_WRITE_MSR = 110,   /* msr, val */
    BUILT_INJECT = 111,      /* vector */
    BUILT_USER_EXIT = 112,   /* reason, errno */
    BUILT_HALT_OVER = 113,   /* ns, waited */
    BUILT_ACCEPT = 114,      /* apicid, vec */
    BUILT_STEP = 115,        /* previous_tsc_offset, next_tsc_offset */
    BUILT_PIO = 116,         /* rw, port */
    BUILT_SOFTIRQ = 117,     /* vec */
    BUILT_SOFTIRQ_END = 118, /* vec */
} BuiltEvent;

typedef struct DatBuilder DatBuilder;

/* A record of BUILT_MANY. */
typedef struct BuiltMany {
    uint16_t type;
    uint8_t flags;
    uint8_t preempt_count;
    int32_t pid;
    char name[8];
    int16_t few[3];
    uint8_t byte;
    uint8_t hole;
    uint32_t text;
    uint32_t near;
    uint32_t list;
    uint32_t hole2;
    uint64_t big;
    char tail[16];
} BuiltMany;

G_STATIC_ASSERT(sizeof(BuiltMany) == 64);

DatBuilder *dat_builder_new(uint32_t n_cpus);
void dat_builder_free(DatBuilder *builder);

/*
 * Another event type: "SYSTEM/NAME", and its format file's text.  It takes the
 * place of one of ours that has the same name.
 */
void dat_builder_add_format(DatBuilder *builder, const char *name,
                            const char *text);

/* Ends the page in hand of this CPU; the next one is marked as after a loss
 * of missed events (-1: of unknown number; 0: no loss). */
void dat_builder_end_page(DatBuilder *builder, unsigned cpu,
                          int64_t missed_events);
void dat_builder_add(DatBuilder *builder, unsigned cpu, uint64_t ticks,
                     BuiltEvent event, int32_t pid, int64_t value);

/* The same with a record of any bytes, a multiple of 4 up to 112. */
void dat_builder_add_record(DatBuilder *builder, unsigned cpu, uint64_t ticks,
                            const void *record, uint32_t size_bytes);

/* The same with n_words 64-bit fields. */
void dat_builder_add_words(DatBuilder *builder, unsigned cpu, uint64_t ticks,
                           BuiltEvent event, int32_t pid, const int64_t *words,
                           unsigned n_words);

/* Leaves the plain kvm_exit and kvm_write_tsc_offset out for those of words. */
void dat_builder_use_words(DatBuilder *builder);

/* Writes it below a new directory; returns the path, the caller's. */
char *dat_builder_write(DatBuilder *builder, const char *name,
                        const DatOptions *options);

/* Removes a written file and its directory. */
void dat_builder_forget(const char *path);

/* Writes, opens and forgets it. */
TimelineInput *dat_builder_open(DatBuilder *builder, const char *name,
                                const DatOptions *options);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DatBuilder, dat_builder_free)

#endif
