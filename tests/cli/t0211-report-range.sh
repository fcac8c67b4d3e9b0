#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Parts of a timeline are the same lines as in the whole one, of a real
# recording of this machine.  TRACE_FILES="FILE" takes another one.

. "$(dirname "$0")/lib.sh"

# expect_lines FIRST LAST ARGS...: these lines of the whole are printed
expect_lines()
{
    local first=$1 last=$2
    shift 2
    "$QEMU_TRACE_MERGE" report -i "$file" "$@" 2>err | grep -v '^cpus=' >part
    sed -n "${first},${last}p" whole >expected
    # How many events are lost before a part is not known to the part.
    sed -i '/EVENTS DROPPED/d' part
    cmp -s expected part ||
        fail "'$*': expected lines $first to $last, got $(wc -l <part):" \
            "$(diff expected part | head -4)"
}

if [ -z "${TRACE_FILES:-}" ]; then
    need_tracing
    start_guest
    record --duration 1 -E sched -E irq -E timer
    expect_status 0
    expect_session complete
    TRACE_FILES=$session/host.dat
fi
file=$TRACE_FILES
"$QEMU_TRACE_MERGE" report -i "$file" 2>err |
    grep -v -e '^cpus=' -e 'EVENTS DROPPED' >whole
n=$(wc -l <whole)
[ "$n" -gt 100 ] || fail "only $n events were recorded"

# The time in line $1, and the first and last line that are printed with it.
time_of()
{
    at=$(sed -n "$1p" whole | grep -oE '[0-9]+\.[0-9]{6}: ' | head -1)
    first=$(grep -nF " $at" whole | head -1 | cut -d: -f1)
    last=$(grep -nF " $at" whole | tail -1 | cut -d: -f1)
    at=${at%: }
}

expect_lines 1 7 --head 7
expect_lines $((n - 6)) "$n" --tail 7
for line in 1 $((n / 3)) $((n / 2)) $((n - 1)); do
    time_of "$line"
    expect_lines "$first" "$n" --from "$at"
    expect_lines 1 "$last" --to "$at"
    expect_lines "$first" "$last" --from "$at" --to "$at"
    expect_lines "$first" $((first + 2)) --from "$at" --head 3
    expect_lines $((last > 3 ? last - 2 : 1)) "$last" --to "$at" --tail 3
done
expect_lines 1 "$n" --from +0s
expect_lines 1 "$n" --to -0s

for args in "--from x" "--head -1" "--from 1 --around 2" "--head 1 --tail 1" \
            "--from 2 --to 1" "--from -0s --to -1ms"; do
    "$QEMU_TRACE_MERGE" report -i "$file" $args >out 2>err &&
        fail "expected '$args' to be refused"
    [ "$(grep -c '^qemu-trace-merge report: ' err)" = 1 ] ||
        fail "expected one sentence about '$args'"
done

# Whoever asks for a time without events is told which times have some.
for args in "--from 1000000000" "--to 0.000001" "--from 1000000000 --tail 3"; do
    "$QEMU_TRACE_MERGE" report -i "$file" $args >out 2>err ||
        fail "'$args' is no failure"
    expect err \
        "^warning: no event lies in .*: the timeline goes from [0-9.]+ to [0-9.]+$"
done
"$QEMU_TRACE_MERGE" report -i "$file" --head 0 --from +0s >out 2>err ||
    fail "no events at all can be asked for"
! grep -q '^warning: no event' err || fail "a warning of what was asked for"
