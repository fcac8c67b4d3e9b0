#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The report goes through a pager on a terminal, and only there.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest
record --duration 0.5
expect_status 0
expect_session complete

# on_terminal COMMAND: its output is in terminal.
on_terminal()
{
    script -qec "$1" terminal >/dev/null </dev/null
}

report="'$QEMU_TRACE_MERGE' report $session"
export PAGER="sed 's/^/paged: /'"
on_terminal "$report"
expect terminal "^paged: .*sched_switch"
on_terminal "'$QEMU_TRACE_MERGE' --no-pager report $session"
expect terminal "sched_switch"
! grep -q "paged: " terminal || fail "expected no pager"
export QEMU_TRACE_MERGE_PAGER='echo "LESS=$LESS LESSSECURE=$LESSSECURE"; cat >/dev/null'
on_terminal "$report"
expect terminal "LESS=FRX LESSSECURE=1"
# A pager that quits at once is no error of ours.
export QEMU_TRACE_MERGE_PAGER=true
on_terminal "$report"
! grep -q "report:" terminal || fail "$(cat terminal)"
$QEMU_TRACE_MERGE report "$session" >out || fail "report"
expect out "sched_switch"
