#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is wrong is said in one sentence, and nothing is left.

. "$(dirname "$0")/lib.sh"

record --duration 1
expect_status 1
expect_error "cannot connect to 'guest/qmp': No such file"

start_guest
if [ "$(id -u)" = 0 ] && setpriv --reuid=65534 true 2>/dev/null; then
    chmod 777 guest guest/* .
    setpriv --reuid=65534 --regid=65534 --clear-groups \
        "$QEMU_TRACE_MERGE" record --qmp guest/qmp --qga guest/qga \
        --trace guest/trace >out 2>err </dev/null
    status=$?
    expect_status 1
    expect_error "needs root"
fi

need_tracing
for args in "--duration x" "--duration -1" "--max-size 5X" "--name host" \
        "--name ../x" "-l kvm_*" "what" \
        "--offsets x" "--host-cpus 0-99999" "--host-cpus 0 --all-cpus" "--"; do
    record $args
    [ "$status" != 0 ] || fail "expected '$args' to be refused"
    [ "$(grep -c '^qemu-trace-merge record: ' err)" = 1 ] ||
        fail "expected one sentence about '$args'"
done

record --duration 1 -e no_such_event
expect_status 1
expect_error "no_such_event"
expect_no_session
expect_restored

record --duration 1 -E no_such_event
expect_status 1
expect_error "no_such_event"
expect_no_session
expect_restored

start_guest no-command
record --duration 1 --offsets qmp
expect_status 1
expect_error "this QEMU has no query-vcpu-tsc-offset"
expect_no_session
record --duration 1 --offsets debugfs
expect_status 1
expect_error "debugfs does not tell the TSC offsets"
expect_no_session

start_guest paused
record --duration 1
expect_status 1
expect_error "the guest is paused"
expect_no_session

start_guest blocked
record --duration 1
expect_status 1
expect_error "the guest's agent blocks guest-trace-start"
expect_no_session

start_guest busy
record --duration 1
expect_status 1
expect_error "guest 'guest' is being recorded already"
expect_no_session

start_guest mute-qmp
record --duration 1
expect_status 1
expect_error "does not greet"

start_guest mute-agent
record --duration 1
expect_status 1
expect_error "did not answer guest-sync-delimited in time: qemu-ga must run"
expect_no_session

start_guest lost-trace
record --duration 1
expect_status 1
expect_error "nothing arrives on its trace channel"
expect_restored
