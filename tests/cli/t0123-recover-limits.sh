#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each limit of what is accepted holds: what is above it is left out, cut off
# or refused, and one sentence says so, where a file is made of a stream and
# where a file is read.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest
record --duration 0.5 -e sched -e irq -e timer -E sched -E irq
expect_status 0
expect_session complete
stop_guest

# make LIMIT STATUS PATTERN: of "recover", in what it says
make()
{
    rm -rf copy
    cp -r "$session" copy
    "$QEMU_TRACE_MERGE" recover copy --limit "$1" >out 2>err </dev/null
    status=$?
    expect_status "$2"
    expect err "$3"
    [ -z "$(ls copy/*.tmp 2>/dev/null)" ] || fail "recover leaves files"
}

# view LIMIT STATUS PATTERN: of "report"
view()
{
    rm -f file
    "$QEMU_TRACE_MERGE" report "$session" --limit "$1" -o file >out 2>err \
        </dev/null
    status=$?
    expect_status "$2"
    expect err "$3"
    [ "$status" = 0 ] || [ ! -e file ] || fail "report leaves a file"
}

while read -r limit status pattern; do
    make "$limit" "$status" "$pattern"
done <<'END'
frame-size=4K 0 a frame has an impossible length
pages=1 0 more pages than the limits pages and growth allow
cpus=1 1 an impossible number of CPUs
systems=1 0 left out: there are too many systems
events=1 0 [0-9]+ more texts were left out
name-size=16 0 left out: it has no proper event name
format-size=1K 0 left out: it is too long
kallsyms-size=1K 0 The text kallsyms was left out: it is too long
printk-size=1K 0 The text printk_formats was left out: it is too long
cmdlines-size=1K 0 The text saved_cmdlines was left out: it is too long
text-size=1M 0 The text kallsyms was left out: it is too long
keep-free=1024T 1 more than is to stay free
make-memory=16M 1 out of memory
END

while read -r limit status pattern; do
    view "$limit" "$status" "$pattern"
done <<'END'
cpus=1 1 CPUs, above the limit cpus
systems=1 0 event systems, above the limit systems
events=1 0 events in system [a-z]+, above the limit events
format-size=1K 0 an event format of [0-9]+ bytes, above its limit
kallsyms-size=1K 0 kallsyms of [0-9]+ bytes, above its limit
printk-size=1K 0 printk formats of [0-9]+ bytes, above its limit
cmdlines-size=1K 0 command lines of [0-9]+ bytes, above its limit
memory=16M 1 out of memory.*raise --limit memory
output=1K 1 File too large
END

# What libtraceevent isn't given is shown by its fields' names alone.
"$QEMU_TRACE_MERGE" report "$session" >whole 2>err || fail "report"
for limit in format-fields=1 format-depth=1 format-operators=1; do
    "$QEMU_TRACE_MERGE" report "$session" --limit $limit >out 2>err ||
        fail "report --limit $limit"
    ! cmp -s whole out || fail "--limit $limit has no effect"
done
