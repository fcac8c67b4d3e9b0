#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Several guests in one recording; one that goes away doesn't end the others'.

. "$(dirname "$0")/lib.sh"

# start_second [BEHAVIOUR]: another fake guest, in second/
start_second()
{
    mkdir -p second
    "$FAKE_GUEST" second "${1:-}" >second.ready 2>>guest.log &
    second_pid=$!
    for _ in $(seq 100); do
        grep -q ready second.ready && return
        sleep 0.05
    done
    fail "the second fake guest does not start"
}

# record_both ARGS...: sets $session
record_both()
{
    rm -rf a+b-2*
    "$QEMU_TRACE_MERGE" record --name a --qmp guest/qmp --qga guest/qga \
        --trace guest/trace --name b --qmp second/qmp --qga second/qga \
        --trace second/trace "$@" >out 2>err </dev/null
    status=$?
    session=$(ls -d a+b-2* 2>/dev/null)
}

need_tracing
start_guest
start_second
record_both -- sh -c 'echo in a; sleep 0.5'
expect_status 0
expect out "^in a$"
[ -n "$session" ] || fail "there is no session a+b-*"
for name in host a b; do
    expect_events "$name"
done
expect_restored
kill "$second_pid"
wait "$second_pid" 2>/dev/null

# The second guest shuts down half a second after its start.
start_second shutdown
record_both --duration 2
expect_status 1
expect_error "guest 'b' shut down, which ended its recording"
expect err "^guest 'b' shut down.*; the others go on$"
expect_events a
expect_events b
last()
{
    grep "^ *$1: " report.out | tail -n 1 |
        sed -E 's/.* ([0-9]+\.[0-9]+): .*/\1/'
}
awk -v a="$(last a)" -v b="$(last b)" 'BEGIN { exit !(a - b > 0.5) }' ||
    fail "expected a's events to go on after b's end: $(last a), $(last b)"
expect_restored

# What is amiss says which guest it is about.
start_second blocked
record_both --duration 1
expect_status 1
expect_error "guest 'b': the guest's agent blocks guest-trace-start"
kill "$second_pid"
wait "$second_pid" 2>/dev/null

record_both --name a --qmp x --qga y --trace z --duration 1
expect_status 1
expect_error "two guests are called 'a'"
record_both --qmp x --duration 1
expect_status 1
expect_error "'--qga' is missing"
