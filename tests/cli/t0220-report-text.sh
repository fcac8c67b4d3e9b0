#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The text is trace-cmd's, byte for byte, of real recordings of this machine by
# trace-cmd itself, with each option; any number of threads writes the same,
# and a reader that leaves early ends the report.  TRACE_FILES="FILE..." takes
# other recordings.

. "$(dirname "$0")/lib.sh"

command -v trace-cmd >/dev/null || skip "needs trace-cmd"

# Some kernels lack some of these events: each is asked for by itself.
record_files()
{
    local events=() system
    for system in kvm sched irq timer syscalls irq_vectors workqueue signal \
        task power msr tlb rcu; do
        [ -d "/sys/kernel/tracing/events/$system" ] && events+=(-e "$system")
    done
    trace-cmd record -B "text-$$" -C mono -o mono.dat "${events[@]}" \
        sh -c 'for i in 1 2 3; do ls -l /proc >/dev/null; sleep 0.1; done' \
        >record.log 2>&1 || skip "trace-cmd cannot record: $(tail -1 record.log)"
    trace-cmd record -B "text-$$" -C x86-tsc -o tsc.dat "${events[@]}" \
        sh -c 'ls -l /proc >/dev/null; sleep 0.1' >record.log 2>&1 ||
        fail "the second recording failed: $(tail -1 record.log)"
}

# compare FILE OPTION...: both programs print the same
compare()
{
    local file=$1
    shift
    trace-cmd report -i "$file" "$@" >theirs 2>/dev/null ||
        fail "trace-cmd report $* $file failed"
    "$QEMU_TRACE_MERGE" report --no-flags -i "$file" "$@" >ours 2>err ||
        fail "report $* $file: $(cat err)"
    # Of several buffers only we label the first, maybe with a longer name.
    grep -v 'cpus=' theirs | sed 's/^ *//' >theirs.events
    grep -v 'cpus=' ours | sed 's/^ *//' >ours.events
    cmp -s theirs.events ours.events || fail "$file $* differs: \
$(diff -a theirs.events ours.events | head -6)"
    n_lines=$((n_lines + $(wc -l <ours.events)))
}

if [ -z "${TRACE_FILES:-}" ]; then
    need_tracing
    record_files
    TRACE_FILES="mono.dat tsc.dat"
fi

n_lines=0
for file in $TRACE_FILES; do
    compare "$file"
    compare "$file" -t
    compare "$file" -t --ts-diff
    compare "$file" -l
    compare "$file" -R
    compare "$file" --raw-ts
    compare "$file" --align-ts
    compare "$file" --ts-check
done
[ "$n_lines" -gt 1000 ] || fail "only $n_lines lines were compared"

file=${TRACE_FILES%% *}
"$QEMU_TRACE_MERGE" report -i "$file" >all || fail "report failed"
"$QEMU_TRACE_MERGE" report -i "$file" -i "$file" --color >both ||
    fail "report --color failed"
expect both $'^\033\\[3[26]m.*: \033\\[0m'
[ "$("$QEMU_TRACE_MERGE" report -i "$file" | head -3)" = "$(head -3 all)" ] ||
    fail "a reader that leaves early sees other lines"
"$QEMU_TRACE_MERGE" report -i "$file" >/dev/full 2>err &&
    fail "a full disk is no error"
expect err "cannot write .*No space left"
