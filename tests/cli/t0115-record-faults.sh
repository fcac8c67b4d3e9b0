#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whatever call on a recording's files fails, while it is recorded or while its
# trace files are made: one sentence, and nothing is lost that was stored.  How
# many of the calls are tried is the environment's choice.

. "$(dirname "$0")/lib.sh"

need_tracing
mkdir faults
"$FAULT_RUNS" "$QEMU_TRACE_MERGE" "$FAIL_IO_MODULE" faults \
    --fake-guest "$FAKE_GUEST" --most "${FAULTS_OF_A_KIND:-1}" >out 2>err ||
    fail "a recording did not take a fault well"
cat out

start_guest
record --duration 0.3
expect_status 0
expect_session complete
stop_guest
mkdir recovery
"$FAULT_RUNS" "$QEMU_TRACE_MERGE" "$FAIL_IO_MODULE" recovery \
    --truth "$session" --most "${FAULTS_OF_A_KIND:-1}" >out 2>err ||
    fail "a recovery did not take a fault well"
cat out
