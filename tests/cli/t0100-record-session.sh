#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A recording leaves a complete session that report reads.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest
record --duration 1
expect_status 0
expect_session complete
expect_events host
expect_events guest
expect err "^host: [1-9][0-9]* events"
expect err "^guest: [1-9][0-9]* events"
expect err "CPU 0, APIC id [0-9]+: TSC offset 0 ticks \(qmp\)"
expect err "next: qemu-trace-merge report $session"
expect_restored

# Once more, on the same guest, with another name, directory and events.
mkdir there
record --duration 0.5 --name vm1 --output-dir there --quiet \
    -e sched:sched_switch -E irq -E sched/sched_waking
expect_status 0
[ ! -s err ] || fail "expected silence"
ls there/vm1-2*/vm1.dat >/dev/null || fail "there is no vm1.dat"
expect_restored
