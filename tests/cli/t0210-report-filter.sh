#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Filters choose the events that `trace-cmd report -F` chooses, of a real
# recording of this machine; what it refuses or gets wrong is in the manual
# page.  TRACE_FILES="FILE..." takes other recordings.

. "$(dirname "$0")/lib.sh"

# report ARGS...: output in out and err, exit status in $status
report()
{
    "$QEMU_TRACE_MERGE" report "$@" >out 2>err </dev/null
    status=$?
}

expect_report_error()
{
    [ "$status" = 1 ] || fail "expected exit status 1, got $status"
    expect err "^qemu-trace-merge report: .*$1"
}

# What identifies an event: time, name, task, CPU.  Of events of several CPUs
# within one nanosecond, trace-cmd does not know the order.
events_of()
{
    grep -v -e 'EVENTS DROPPED' -e '^ *=> ' "$1" | sed -E \
        's/^(.{16}-[0-9]+ +\[[0-9]+\]) +([^ ]{4,6} +)?([0-9.]+: [^ ]+).*/\3 \1/' |
        LC_ALL=C sort -n
}

# compare FILE FILTER...: both programs choose the same
compare()
{
    local file=$1 n
    shift
    # trace-cmd 3.1.6 ignores a filter behind the only -i.
    trace-cmd report "$@" -i "$file" >theirs 2>/dev/null || return 1
    report "$@" -i "$file"
    expect_status 0
    events_of theirs >theirs.events
    events_of out >out.events
    cmp -s theirs.events out.events ||
        fail "'$*' differs: $(diff theirs.events out.events | head -4)"
    n=$(wc -l <out.events)
    [ "$n" -gt 1 ] && n_found=$((n_found + 1))
    n_same=$((n_same + 1))
}

if [ -z "${TRACE_FILES:-}" ]; then
    need_tracing
    start_guest
    record --duration 1 -E sched -E irq -E timer -E syscalls
    expect_status 0
    expect_session complete
    TRACE_FILES=$session/host.dat
fi

n_same=0 n_found=0
for file in $TRACE_FILES; do
    while read -r filter; do
        [ -z "$filter" ] || compare "$file" -F "$filter"
    done <<'FILTERS'
sched_switch
sched
sched/sched_switch
sched_switch,irq
sched/.*wak.*
SCHED_SWITCH
sched_switch:next_pid==1
sched_switch : next_pid == 0 && prev_state == 0
sched_switch:next_pid==0||prev_pid==0&&prev_state==1
sched_switch:prev_state==1&&next_pid==0||prev_pid==0
sched_switch:!next_pid==0
sched_switch:!(next_pid==0||prev_pid==0)
sched_switch:(next_pid==0||prev_pid==0)&&prev_state==0
sched_switch:next_comm!="swapper/0"
sched_switch:next_comm=~"^swapper"
sched_switch:next_comm=~"0$"
sched_switch:next_comm!~"swapper.*"
sched_switch:next_comm=~"^SWAPPER"
.*:COMM!="<idle>"
.*:CPU==1
sched:bogus==1||common_pid==0
sched:!bogus==1
sched:bogus!=1
.*:common_flags&8
.*:common_preempt_count>=2
.*:pid==1||next_pid==1||common_pid==1
sched_waking:prio<=120
hrtimer_start:function=~"tick"
hrtimer_start:function!="tick_sched_timer"
softirq_raise:vec==1
softirq_.*:vec!=1
sched_switch:next_pid%2
sched_switch:next_pid^1
FILTERS
    compare "$file" -F sched_switch -F irq
    compare "$file" -v -F sched_switch
    compare "$file" -F sched -v -F 'sched_switch:prev_pid==0'
    compare "$file" -v -F 'sched_switch:prev_state==0' -F timer
    compare "$file" --cpu 1
    compare "$file" --cpu 0-1
    compare "$file" -F sched_waking --cpu 0
done
[ "$n_same" -ge 35 ] || fail "only $n_same filters were compared"
[ "$n_found" -ge 20 ] || fail "only $n_found filters found events"

# Beyond trace-cmd: machines, both sides of a comparison, signs.
file=${TRACE_FILES%% *}
report -i "$file" -F 'sched_switch:prev_prio>next_prio'
expect_status 0
report -i "$file" -F 'no*/sched/sched_switch'
expect_report_error "'no\*' is none of the machines"
report -i "$file" -F 'sched_switch:next_pid=1'
expect_report_error "'=' is no comparison"
report -i "$file" -F 'sched_swich'
expect_report_error "'sched_swich' names no event"
report -i "$file" -F 'sched:sched_switch'
expect_report_error "an event is written SYSTEM/EVENT"
report -i "$file" -F 'sched:bogus==1'
expect_status 0
expect err "^warning: .*'bogus'"
report -i "$file" --cpu 0,x
expect_report_error "--cpu 0,x: 'x' is no CPU"
report -i "$file" --machine vm9
expect_report_error "'vm9' is none of the machines"
report -i "$file" --event 'sched:*switch,irq' --pid 0
expect_status 0
! grep -E ': (hrtimer|sched_wak|timer)_' out ||
    fail "an event is there that was not asked for"
