#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Guests that lie while they are recorded: each ends with a clear message, and
# an honest guest beside them is recorded as if they weren't there.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/liars.sh"

# Each to be told by a guest of that name.
lies=(magic before-hello two-hellos nonsense after-end cut hello-names
      page-comm-escape bomb-nested name-path loss-wraps)

need_tracing
start_guest
options=()
for lie in "${lies[@]}"; do
    start_liar "$lie"
done
record_with_liars --duration 1
expect_status 1
[ "$(grep -c '^qemu-trace-merge record: ' err)" = 1 ] ||
    fail "expected one sentence"
expect_honest_unharmed
expect_clean out err
"$LAB_LIAR" | while IFS=$'\t' read -r lie said; do
    if [ -n "$said" ] && [[ " ${lies[*]} " == *" $lie "* ]]; then
        expect "$session/session.json" "$said"
    fi
done || exit 1
"$QEMU_TRACE_MERGE" recover "$session" >out 2>err ||
    expect err '^qemu-trace-merge recover: '
"$QEMU_TRACE_MERGE" report --machine honest "$session" >report.out 2>report.err ||
    fail "report: $(cat report.err)"
expect report.out "^ *honest: "
expect_clean out err report.err report.out
expect_restored

# Nothing at all is no recording.
kill "${pids[@]}"
pids=() options=()
start_liar nothing
"$QEMU_TRACE_MERGE" record --name liar --qmp liar-nothing/qmp \
    --qga liar-nothing/qga --trace liar-nothing/trace --duration 1 \
    >out 2>err </dev/null
status=$?
expect_status 1
expect_error "nothing arrives on its trace channel"
! ls -d liar-2* 2>/dev/null || fail "a session was left"
expect_restored
