#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that asks is recorded together with the host, as far as the operator
# allows it.

. "$(dirname "$0")/lib.sh"

need_tracing

# serve OPTION...: in the background; its log is err
serve()
{
    rm -rf guest-2*
    "$QEMU_TRACE_MERGE" serve --qmp guest/qmp --qga guest/qga \
        --trace guest/trace "$@" >out 2>err </dev/null &
    server=$!
}

# await FILE PATTERN
await()
{
    for _ in $(seq 400); do
        grep -Eq -- "$2" "$1" && return
        sleep 0.1
    done
    fail "expected '$2' in $1"
}

end_serve()
{
    kill "$server"
    wait "$server"
    status=$?
    expect_status 0
}

start_guest asks
serve --allow default
await guest.log "stored as guest-2"
await err "next: qemu-trace-merge report"
end_serve
expect err "^guest: recording 'a \?\[31mcommand', as the guest asks, for 60 s at most$"
expect_session complete
expect guest.log "stored as $session$"
expect_events host
expect_events guest
expect report.out "host: .*sched_(switch|waking)"
expect_restored

# Nothing is allowed by default.
start_guest asks
serve
await guest.log "the host refuses to record: no guest may ask"
end_serve
expect err "^warning: without --allow"
expect err "^guest: refused to record"
expect_no_session

# Only what was allowed.
start_guest asks-event
serve --allow irq
await guest.log "the event sched:sched_switch of the host is not allowed"
end_serve
expect_no_session
start_guest asks-event
serve --allow 'sched:sched_s*'
await err "next: qemu-trace-merge report"
end_serve
expect_session complete
expect_events host
expect report.out "host: .*sched_switch"
! grep -q "host: .*hrtimer" report.out || fail "expected no other events"
expect_restored

# A flight recording, which ends as the command does.
start_guest asks-snapshot
serve --allow default
await err "next: qemu-trace-merge report"
end_serve
expect_session complete
expect err "^  frozen as the command ended, [0-9.]+ us before the host$"
expect_events guest
expect_restored

# The host's own limit ends it.
start_guest asks-forever
serve --allow default --max-duration 1
await guest.log "stored as guest-2"
await err "next: qemu-trace-merge report"
end_serve
expect_session complete
expect_restored

# The recorder in the guest is killed: what came is kept.
start_guest asks-dies
serve --allow default
await err "^qemu-trace-merge serve: "
end_serve
rmdir /sys/kernel/tracing/instances/fake-guest-* # its own is not ours
expect err "the trace channel of guest 'guest' was closed|nothing comes any more"
expect_session complete
expect_restored
