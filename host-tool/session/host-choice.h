/*
 * HostChoice: which events, threads and CPUs of the host matter for a guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HOST_CHOICE_H
#define HOST_CHOICE_H

#include <glib.h>
#include <stdint.h>

typedef struct HostChoice {
    char **events; /* as RecorderOptions wants them */
    char **filters;
    char *cpumask; /* NULL: all CPUs */
    char *why;     /* one sentence about the CPUs, for the user */
} HostChoice;

/* What to choose for. */
typedef struct HostChoiceInput {
    const char *const *events;   /* the user's; NULL: the default set */
    const char *const *filters;  /* the user's, or NULL */
    gboolean needs_kvm;          /* some guest runs under KVM */
    const int32_t *vcpu_threads; /* host tids of all vCPUs of all guests */
    size_t n_vcpu_threads;
    const char *host_cpus; /* the user's, such as "0-3,8"; NULL: choose */
    gboolean all_cpus;     /* the user's */
} HostChoiceInput;

/*
 * The events of KVM that prove the synchronisation (kvm_entry, kvm_exit,
 * kvm_write_tsc_offset) are always among them if needs_kvm.  Entries and
 * exits are limited to the vCPUs' own threads, for other VMs' are no proof;
 * events that other threads and interrupts cause for the guest are not.
 *
 * CPUs: if all vCPUs are pinned, those that they are pinned to, with all that
 * happens there.  Else those that they may run on: who runs there is recorded
 * in full (sched), interrupts and timers only where they hit a thread of the
 * guest's QEMU or an idle CPU, for what another task lost to them is that
 * task's time.  The user's own events, or CPUs, are not limited in this way.
 */
HostChoice *host_choice_new(const HostChoiceInput *input, GError **error);
void host_choice_free(HostChoice *choice);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostChoice, host_choice_free)

#endif
