#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Several sessions are one timeline, and a session that was recorded on a
# guest lies on the host's, wherever it was named.

. "$(dirname "$0")/lib.sh"

# report ARGS...: output in out and err, exit status in $status
report()
{
    "$QEMU_TRACE_MERGE" report "$@" >out 2>err </dev/null
    status=$?
}

# labels: of the lines in out
labels()
{
    grep -oE '^ *[^ ]+: cpus=' out | sed 's/: cpus=//; s/ //g' | tr '\n' ' '
}

expect_labels()
{
    [ "$(labels)" = "$1 " ] || fail "expected the machines '$1', got '$(labels)'"
}

need_tracing
start_guest
for name in outer inner; do
    record --duration 0.5 --name vm-$name -E sched
    expect_status 0
    mv vm-$name-2* $name
done

report outer inner
expect_status 0
expect_labels "host vm-outer host@vm-inner vm-inner"
n_both=$(wc -l <out)

# How long each was, and of how many vCPUs, is what makes rates comparable.
"$QEMU_TRACE_MERGE" diff outer inner >out 2>err || fail "diff fails"
for side in "A: outer" "B: inner"; do
    grep -qE "^$side, [0-9.]+ [mnu]?s recorded on both sides, [0-9]+ vCPUs?$" \
        out || fail "diff doesn't tell what '$side' is"
done

report outer vm-outer=inner
expect_status 0
expect_labels "host vm-outer vm-outer/host vm-outer/vm-inner"
[ "$(wc -l <out)" = "$n_both" ] || fail "events were lost or added"
mv out by-name

# In the outer session's directory, under the machine's name.
mv inner outer/vm-outer
report outer
expect_status 0
cmp -s out by-name || fail "a session inside differs from one named"
report outer --machine vm-outer/vm-inner --head 1
expect_status 0
expect_labels "vm-outer/vm-inner"
"$QEMU_TRACE_MERGE" check outer >out 2>err
expect out '^total: '

report outer nobody=outer/vm-outer
expect_status 1
expect err "no machine 'nobody'"
report outer -i outer/host.dat
expect_status 1
expect err "either session directories or files"

# Files by hand: the guest's guest is moved by both clocks.
report -i outer/host.dat -i outer/vm-outer.dat --clock -1000 \
    -i outer/vm-outer/vm-inner.dat --clock -500 --under vm-outer
expect_status 0
for args in "--clock 5" "--under x" "-i outer/host.dat --clock x" \
        "-i outer/host.dat --under nobody" "-i outer/host.dat --clock 1,2"; do
    report $args
    expect_status 1
done
