# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the command-line tests share; to be sourced by bash.  Each test runs in
# a directory of its own, with the fake guest's sockets in guest/.

set -u

fail()
{
    echo "FAILED: $*" >&2
    for file in out err guest.log; do
        [ -s "$work/$file" ] && sed "s/^/$file: /" "$work/$file" >&2
    done
    exit 1
}

skip()
{
    echo "SKIPPED: $*" >&2
    exit 77
}

need_tracing()
{
    [ "$(id -u)" = 0 ] || skip "needs root"
    [ -e /sys/kernel/tracing/trace_clock ] ||
        mount -t tracefs nodev /sys/kernel/tracing 2>/dev/null ||
        skip "needs tracefs"
    grep -q x86-tsc /sys/kernel/tracing/trace_clock ||
        skip "needs the x86-tsc trace clock"
    mkdir /sys/kernel/tracing/instances/test-$$ 2>/dev/null ||
        skip "needs tracefs instances"
    rmdir /sys/kernel/tracing/instances/test-$$
}

# start_guest [BEHAVIOUR,...]
start_guest()
{
    stop_guest
    mkdir -p guest
    "$FAKE_GUEST" guest "${1:-}" >guest.ready 2>guest.log &
    guest_pid=$!
    for _ in $(seq 100); do
        grep -q ready guest.ready && return
        sleep 0.05
    done
    fail "the fake guest does not start"
}

stop_guest()
{
    if [ -n "$guest_pid" ]; then
        kill "$guest_pid" 2>/dev/null
        wait "$guest_pid" 2>/dev/null
        guest_pid=
    fi
}

# record ARGS...: output in out and err, exit status in $status
record()
{
    rm -rf guest-2*
    "$QEMU_TRACE_MERGE" record --qmp guest/qmp --qga guest/qga \
        --trace guest/trace "$@" >out 2>err </dev/null
    status=$?
}

expect_status()
{
    [ "$status" = "$1" ] || fail "expected exit status $1, got $status"
}

# expect FILE PATTERN
expect()
{
    grep -Eq -- "$2" "$1" || fail "expected '$2' in $1"
}

# An error is one sentence on one line, with the command's name in front.
expect_error()
{
    expect err "^qemu-trace-merge record: .*$1"
    [ "$(grep -c '^qemu-trace-merge record: ' err)" = 1 ] ||
        fail "expected one sentence"
}

# Tracing is as it was: no instance of either side is left.
expect_restored()
{
    for _ in $(seq 200); do
        ls /sys/kernel/tracing/instances |
            grep -Eq '^(qemu-trace-merge-|fake-guest-)' || return 0
        sleep 0.1
    done
    fail "left in tracefs: $(ls /sys/kernel/tracing/instances)"
}

expect_no_session()
{
    ! ls -d guest-2* >/dev/null 2>&1 || fail "a session directory was left"
}

# expect_session STATE: sets $session
expect_session()
{
    session=$(ls -d guest-2* 2>/dev/null) || fail "there is no session"
    expect "$session/session.json" "\"state\": *\"$1\""
}

# expect_events NAME: NAME.dat can be read and is not empty
expect_events()
{
    [ -s "$session/$1.dat" ] || fail "there is no $1.dat"
    "$QEMU_TRACE_MERGE" report "$session" >report.out 2>report.err ||
        fail "report: $(cat report.err)"
    expect report.out "^ *$1: "
}

work=$(mktemp -d "${TMPDIR:-/tmp}/record-XXXXXX")
guest_pid=
# A background process that is killed before its exec() runs this trap, too,
# and then not even its builtin commands work.
trap 'case $BASHPID in $$) stop_guest; cd /; rm -rf "$work" ;; esac' EXIT
cd "$work" || exit 1
