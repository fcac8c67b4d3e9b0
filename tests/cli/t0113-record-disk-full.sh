#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A full disk or a limit ends the recording, and it can be read.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest
record --duration 20 --max-size 1M
expect_status 1
expect_error "max-size"
expect_session complete
expect_restored

mkdir small
mount -t tmpfs -o size=12m small small 2>/dev/null || skip "cannot mount"
trap 'stop_guest; cd /; umount "$work/small"; rm -rf "$work"' EXIT
record --duration 20 -e 'sched' -e irq -e timer -e syscalls -e kmem \
    -E syscalls -E kmem --output-dir small
expect_status 1
expect_error "No space left"
expect_restored
session=$(ls -d small/guest-2*)
expect "$session/session.json" "recor"
mount -o remount,size=200m small || fail "cannot make it larger"
"$QEMU_TRACE_MERGE" recover "$session" >out 2>err ||
    fail "recover fails"
expect_events host
