#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a recording received is parsed by processes without privileges, one
# after the other, and never by the tool itself; where a wall is missing, the
# session says so.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest

# check_child PID: it is one of those that parse, or not one yet
check_child()
{
    local status
    status=$(cat "/proc/$1/status" 2>/dev/null) || return
    # The last wall: before it, nothing has been read.
    grep -q $'^Seccomp:\t2' <<<"$status" || return
    for line in CapInh CapPrm CapEff CapBnd CapAmb; do
        grep -q "^$line:.*0000000000000000$" <<<"$status" ||
            fail "$(grep $line <<<"$status")"
    done
    grep -q $'^NoNewPrivs:\t1$' <<<"$status" || fail "NoNewPrivs"
    grep -q $'^Uid:\t65534\t65534\t65534\t65534$' <<<"$status" || fail "Uid"
    grep -q $'^Gid:\t65534\t65534\t65534\t65534$' <<<"$status" || fail "Gid"
    n_seen=$((n_seen + 1))
}

# see COMMAND...: looks at its children until it ends
see()
{
    local child
    "$@" >out 2>err </dev/null &
    command=$!
    while [ -d /proc/$command/task/$command ]; do
        for child in $(cat /proc/$command/task/$command/children 2>/dev/null); do
            check_child "$child"
        done
        [ "$(ps -o state= -p $command)" != Z ] || break
    done
    wait $command
    status=$?
}

n_seen=0
see "$QEMU_TRACE_MERGE" record --qmp guest/qmp --qga guest/qga \
    --trace guest/trace --duration 1 -e sched:sched_process_hang
expect_status 0
expect_session complete
# They are quick: look until some of them were seen.
for _ in $(seq 50); do
    see "$QEMU_TRACE_MERGE" recover "$session"
    expect_status 0
    [ $n_seen -lt 5 ] || break
done
[ $n_seen -gt 0 ] || fail "no confined process was seen"
echo "$n_seen times a confined process was seen"

! grep -q "This kernel has no" "$session/session.json" ||
    fail "a wall is missing on this kernel"
for walls in landlock both; do
    "$WITHOUT_WALLS" $walls "$QEMU_TRACE_MERGE" recover "$session" 2>err ||
        fail "recover without $walls: $(cat err)"
    expect err "note: This kernel has no Landlock"
    expect "$session/session.json" "This kernel has no Landlock"
done
expect err "and no seccomp filters: untrusted data was read behind one wall"
