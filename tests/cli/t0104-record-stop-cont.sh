#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Under TCG each stop and continue starts a new clock segment.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest tcg,stop-cont
record --duration 1.5
expect_status 0
expect_session complete
expect err "CPU 0, APIC id [0-9]+: TSC offset 0 ticks \(qmp\), then -[0-9]+ ticks \(qmp\)$"
[ "$(grep -c '"accelerator": *"tcg"' "$session/session.json")" = 1 ] ||
    fail "expected the accelerator tcg"
expect_restored
