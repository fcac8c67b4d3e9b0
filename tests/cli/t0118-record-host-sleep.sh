#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The host is suspended in mid-recording: that ends it, and is said.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest
FAKE_SLEEP=$work/asleep LD_PRELOAD=$FAKE_SLEEP_MODULE "$QEMU_TRACE_MERGE" \
    record --qmp guest/qmp --qga guest/qga --trace guest/trace --duration 60 \
    >out 2>err </dev/null &
recorder=$!
for _ in $(seq 200); do
    grep -q '^Recording to' err && break
    sleep 0.05
done
touch asleep
wait $recorder
status=$?
expect_status 1
expect_error "this machine was suspended for (90.0|89.9) s, which ended the"
expect_session complete
expect_events host
expect_events guest
expect err "note: This machine was suspended"
expect_restored
