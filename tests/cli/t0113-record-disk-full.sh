#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A full disk or a limit ends the recording, and it can be read.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest
busy='-e sched -e irq -e timer -e syscalls -e kmem -E syscalls -E kmem'
# The kernel's symbols and formats alone are some MiB.
record --duration 20 --max-size 1M
expect_status 1
expect_error "the host's recording ended early: .*max-size"
expect_no_session
expect_restored

(while :; do :; : </dev/null; done) &
load=$!
trap 'kill $load; stop_guest; cd /; rm -rf "$work"' EXIT
record --duration 20 --max-size 20M $busy
expect_status 1
expect_error "max-size"
expect_session complete
expect_restored

mkdir small
mount -t tmpfs -o size=60m small small 2>/dev/null || skip "cannot mount"
trap 'kill $load; stop_guest; cd /; umount "$work/small"; rm -rf "$work"' EXIT
record --duration 20 $busy --output-dir small
expect_status 1
expect_error "No space left"
expect_restored
session=$(ls -d small/guest-2*)
expect "$session/session.json" "recor"
mount -o remount,size=200m small || fail "cannot make it larger"
"$QEMU_TRACE_MERGE" recover "$session" >out 2>err ||
    fail "recover fails"
expect_events host
