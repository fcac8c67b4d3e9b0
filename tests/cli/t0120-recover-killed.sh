#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A killed recording is made readable, and tracing is restored.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest
"$QEMU_TRACE_MERGE" record --qmp guest/qmp --qga guest/qga \
    --trace guest/trace >out 2>err </dev/null &
recorder=$!
for _ in $(seq 100); do
    grep -q "press Ctrl-C" err && break
    sleep 0.05
done
sleep 2.5
kill -KILL $recorder
wait $recorder 2>/dev/null
expect_session recording
# The child sees that its parent is gone, and stops.
for _ in $(seq 100); do
    ls /sys/kernel/tracing/instances | grep -q qemu-trace-merge- || break
    sleep 0.1
done
! "$QEMU_TRACE_MERGE" report "$session" >out 2>err ||
    fail "report should ask for recover"
expect err "recover"
"$QEMU_TRACE_MERGE" recover "$session" >out 2>err || fail "recover fails"
expect err "the recording was killed"
expect_session complete
expect_events host
expect_events guest
stop_guest
expect_restored
