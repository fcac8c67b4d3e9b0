/*
 * VcpuThreads: which host threads run a guest's vCPUs, where no file says it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VCPU_THREADS_H
#define VCPU_THREADS_H

#include <glib.h>
#include <stdbool.h>

#include "merge/timeline-input.h"

/*
 * From the host's kvm_entry events: the threads in the order of their
 * vcpu_id, for guest CPU 0, 1, ...  NULL when the host's recording begins
 * without such events, when they are of several virtual machines, or of fewer
 * vCPUs than the guest has CPUs with events.  An array of int32_t, as
 * TimelineInput has it; the caller unrefs.
 */
GArray *vcpu_threads_infer(const TimelineInput *host,
                           const TimelineInput *guest);

#endif
