#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whatever call on a recording's files fails, while it is recorded, while its
# trace files are made or while it is shown: one sentence, nothing is lost that
# was stored, and no output is left that isn't whole.  How
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

# What goes through the C library's buffers is written by no call of ours.
mkdir small
mount -t tmpfs -o size=4k small small 2>/dev/null || skip "cannot mount"
trap 'stop_guest; cd /; umount "$work/small"; rm -rf "$work"' EXIT
for words in "report --format text" "report --format json" \
    "report --format perfetto" "report --format ctf" \
    "explain --format html"; do
    "$QEMU_TRACE_MERGE" $words -o small/out "$session" >out 2>err
    status=$?
    expect_status 1
    expect err "^qemu-trace-merge [a-z]+: cannot write small/out: No space left"
    [ -z "$(ls -A small)" ] || fail "$words leaves $(ls -A small)"
done
"$QEMU_TRACE_MERGE" report "$session" >/dev/full 2>err
status=$?
expect_status 1
expect err "cannot write standard output: No space left"
