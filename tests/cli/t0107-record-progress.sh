#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How it goes: JSON for programs, lines on a terminal, nothing elsewhere.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest
record --duration 3 --json-progress
expect_status 0
expect_session complete
grep -v '^{' err && fail "expected JSON only"
while read -r line; do
    jq -e .type <<<"$line" >/dev/null || fail "no JSON: $line"
done <err
[ "$(grep -c '"type": "progress"' err)" -ge 2 ] || fail "expected progress"
jq -se '[.[] | select(.type == "progress")] | last | .machines |
    map(.name) == ["host", "guest"] and all(.events > 0 and .bytes > 0)' \
    <err >/dev/null || fail "expected counts of both machines"
jq -se '.[-1] | .type == "summary" and .complete and
    (.machines | all(.ended))' <err >/dev/null || fail "expected a summary"

record --duration 1
expect_status 0
! grep -q $'\033' err || fail "expected no control characters in a file"

# On a terminal of its own.
rm -rf guest-2*
script -qec "stty cols 100; '$QEMU_TRACE_MERGE' record --qmp guest/qmp \
    --qga guest/qga --trace guest/trace --duration 3" terminal >/dev/null \
    </dev/null || fail "record on a terminal: $(cat terminal)"
expect terminal "^.*host +[0-9]+ events +[0-9.]+ .B +[0-9]+ lost +[0-9.]+ .B/s  [0-9]+ s left"
expect terminal "guest +[0-9]+ events"
expect_session complete

record --duration 1 --json-progress --quiet
expect_status 1
expect_error "exclude each other"
expect_restored
