#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The text is trace-cmd's, byte for byte, of a real recording of this machine,
# with each option; and a reader that leaves early ends the report.
# TRACE_FILES="FILE..." takes other recordings.

. "$(dirname "$0")/lib.sh"

command -v trace-cmd >/dev/null || skip "needs trace-cmd"

# compare FILE OPTION...: both programs print the same
compare()
{
    local file=$1
    shift
    trace-cmd report -i "$file" "$@" >theirs 2>/dev/null ||
        fail "trace-cmd report $* $file failed"
    "$QEMU_TRACE_MERGE" report --no-flags -i "$file" "$@" >ours 2>err ||
        fail "report $* $file: $(cat err)"
    grep -v 'cpus=' theirs >theirs.events
    grep -v 'cpus=' ours >ours.events
    # trace-cmd orders by nanoseconds, where ticks are finer.
    if [ "$*" != --raw-ts ]; then
        sort -o theirs.events theirs.events
        sort -o ours.events ours.events
    fi
    cmp -s theirs.events ours.events || fail "$file $* differs: \
$(diff -a theirs.events ours.events | head -6)"
    n_lines=$((n_lines + $(wc -l <ours.events)))
}

if [ -z "${TRACE_FILES:-}" ]; then
    need_tracing
    start_guest
    record --duration 1 -E sched -E irq -E timer -E syscalls
    expect_status 0
    expect_session complete
    TRACE_FILES=$session/host.dat
fi

n_lines=0
for file in $TRACE_FILES; do
    compare "$file"
    compare "$file" -t
    compare "$file" -l
    compare "$file" -R
    compare "$file" --raw-ts
    compare "$file" --align-ts
    compare "$file" --ts-check
done
[ "$n_lines" -gt 1000 ] || fail "only $n_lines lines were compared"

file=${TRACE_FILES%% *}
"$QEMU_TRACE_MERGE" report -i "$file" >all || fail "report failed"
cp "$file" another.dat
"$QEMU_TRACE_MERGE" report -i "$file" -i another.dat --color >both ||
    fail "report --color failed"
expect both $'^\033\\[3[26]m.*: \033\\[0m'
[ "$("$QEMU_TRACE_MERGE" report -i "$file" | head -3)" = "$(head -3 all)" ] ||
    fail "a reader that leaves early sees other lines"
"$QEMU_TRACE_MERGE" report -i "$file" >/dev/full 2>err &&
    fail "a full disk is no error"
expect err "cannot write .*No space left"
