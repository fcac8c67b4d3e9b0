/*
 * Certificate: proof that host and guest lie on one time line.
 *
 * KVM's kvm_entry tracepoint fires a little before the vCPU enters the guest,
 * kvm_exit a little after it left (vcpu_enter_guest() in
 * arch/x86/kvm/x86.c, svm_vcpu_run() and vmx_vcpu_run() below it).  So every
 * event of a guest CPU lies inside a window between the two of its own vCPU
 * thread; one outside proves a wrong offset.  This bounds the offset's error,
 * it does not measure it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CERTIFICATE_H
#define CERTIFICATE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "merge/timeline.h"

/* One vCPU's share of it. */
typedef struct CertificateVcpu {
    char *machine;     /* the guest's label */
    unsigned cpu;      /* the guest kernel's number */
    int32_t thread_id; /* of the vCPU, on the host */
    uint64_t inside;
    uint64_t outside;
    /* Before the first or after the last window event. */
    uint64_t uncheckable_ends;
    /* Where the host lost events, so that windows may be missing. */
    uint64_t uncheckable_lost;
    /* Placed with an error of their own, after a step back of the clock. */
    uint64_t inexact;
    uint64_t n_windows;
    GArray *host_cpus; /* of unsigned: those that entered this vCPU */
    /* Line ticks of the first event outside, when there is one. */
    uint64_t first_outside_ticks;
    /*
     * What could be added to the guest's line ticks with all events still
     * inside: the true offset's error lies in [low, high].
     */
    bool has_interval;
    int64_t low_ticks;
    int64_t high_ticks;
} CertificateVcpu;

typedef struct Certificate {
    GPtrArray *vcpus; /* of CertificateVcpu, owned */
} Certificate;

/*
 * inputs: of TimelineInput.  Guests are those with vcpu_threads; all others
 * are hosts.  Reads all of them once.
 */
Certificate *certificate_make(GPtrArray *inputs);

/*
 * The same for whoever walks over the inputs' timeline anyway: give it every
 * event, then finish once; the caller frees both.
 */
typedef struct CertificateWalk CertificateWalk;
CertificateWalk *certificate_walk_new(GPtrArray *inputs);
void certificate_walk_event(CertificateWalk *walk, const TimelineEvent *event);
Certificate *certificate_walk_finish(CertificateWalk *walk);
void certificate_walk_free(CertificateWalk *walk);
void certificate_free(Certificate *certificate);

/* The sums, and the intersection of the intervals, over all vCPUs. */
CertificateVcpu certificate_total(const Certificate *certificate);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Certificate, certificate_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CertificateWalk, certificate_walk_free)

#endif
