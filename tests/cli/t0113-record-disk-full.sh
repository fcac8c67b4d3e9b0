#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A full disk or a limit ends the recording, and it can be read; before a disk
# has less free than is to stay so, it ends in order, with all its files.

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
mount -t tmpfs -o size=400m small small 2>/dev/null || skip "cannot mount"
trap 'kill $load; stop_guest; cd /; umount "$work/small"; rm -rf "$work"' EXIT
buffers='--buffer-size 512 --guest-buffer-size 512'
record --duration 20 $buffers --output-dir small --limit keep-free=390M
expect_status 1
expect_error "there is no room for a recording: .* of its disk are free, of"
[ -z "$(ls small)" ] || fail "a refused recording leaves $(ls small)"

# The disk becomes a small one: what is left is enough for the files, but not
# for much more.  At once, as the recording goes on meanwhile.
shrink()
{
    local session stored room used
    session=$(until ls -d small/guest-2*; do sleep 0.1; done 2>/dev/null)
    sleep 3
    stored=$(cat "$session"/*.stream | wc -c)
    room=$((stored + (8 + 8 + 3 * $(nproc)) * (1 << 20)))
    used=$(($(stat -f -c '(%b - %a) * %S' small)))
    mount -o remount,size=$((used + room)) small
}
shrink &
shrinker=$!
record --duration 90 $buffers -e sched -e irq -e timer --output-dir small --limit keep-free=8M
wait $shrinker || fail "cannot make the disk smaller"
expect_status 1
expect_error "the recording ended early, .*\(--limit keep-free\)"
expect_restored
session=$(ls -d small/guest-2*)
expect "$session/session.json" '"state": *"complete"'
expect "$session/session.json" "The recording ended early: .* are free"
! grep -q '"ended": *false' "$session/session.json" ||
    fail "a stream has no end"
[ $(($(stat -f -c '%a' small) * 4096)) -ge $((8 << 20)) ] ||
    fail "less than 8M are left free"
expect_events host
rm -r "$session"
mount -o remount,size=60m small || fail "cannot make it smaller"

# Nothing is to stay free: until it is full.
record --duration 20 $busy --output-dir small --limit keep-free=0
expect_status 1
expect_error "No space left"
expect_restored
session=$(ls -d small/guest-2*)
expect "$session/session.json" "recor"
# Files that don't fit beside what is to stay free aren't made.
"$QEMU_TRACE_MERGE" recover "$session" --limit keep-free=20M >out 2>err &&
    fail "recover leaves nothing free"
expect err "needs .* but the disk has .* more than is to stay free"
mount -o remount,size=200m small || fail "cannot make it larger"
"$QEMU_TRACE_MERGE" recover "$session" >out 2>err ||
    fail "recover fails"
expect_events host
