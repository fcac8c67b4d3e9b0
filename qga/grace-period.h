/*
 * GracePeriod: waiting until no CPU is in the middle of an event.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GRACE_PERIOD_H
#define GRACE_PERIOD_H

/*
 * Returns once whatever each CPU's kernel was doing without preemption, as it
 * writes events, has been done: some milliseconds, or as long as the hypervisor
 * keeps a virtual CPU from running.  Disturbs no CPU.  Only the first call in a
 * process is certain to wait on a kernel that runs with nohz_full.
 */
void grace_period_wait(void);

#endif
