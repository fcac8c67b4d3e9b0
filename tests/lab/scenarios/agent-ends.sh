# SPDX-License-Identifier: GPL-2.0-or-later
#
# A real agent that is killed while it starts the recorder: that its answer will
# not come is said, and not waited for, whether or not another agent takes its
# place; and the recorder that it began to start ends with it.

. "$LAB_LIB/faults.sh"

# Stops the recorder that is started as soon as it is there, so that it can't be answered.
start_stopping()
{
    lab_guest_exec vm1 sh -c '(
        until pids=$(pidof qga-trace) &&
                grep -q start "/proc/${pids##* }/cmdline"; do
            :
        done 2>/dev/null
        kill -STOP $pids
        touch /tmp/stopped) >/dev/null 2>&1 </dev/null &'
}

# expect_gone WHAT PATTERN ACTION...: does ACTION as the recorder is started
expect_gone()
{
    local what=$1 pattern=$2 recorder status=0 start_ms
    local dir=$LAB_DIR/vm1
    shift 2
    rm -rf "$place"/*Z
    lab_guest_exec vm1 rm -f /tmp/stopped
    start_stopping
    qemu-trace-merge record --name vm1 --qmp "$dir/qmp.sock" \
        --qga "$dir/qga.sock" --trace "$dir/trace.sock" \
        --output-dir "$place" --duration 2 >record.log 2>&1 &
    recorder=$!
    lab_wait_for 60 lab_guest_exec vm1 test -e /tmp/stopped ||
        lab_fail "$what: the recorder is not started"
    start_ms=$((${EPOCHREALTIME/./} / 1000))
    "$@"
    lab_guest_exec vm1 sh -c 'kill -CONT $(pidof qga-trace)' || true
    wait $recorder || status=$?
    lab_log "$what: after $((${EPOCHREALTIME/./} / 1000 - start_ms)) ms:" \
        "$(grep '^qemu-trace-merge' record.log)"
    lab_assert_equal "$what: status" 1 $status
    lab_assert_equal "$what: sentences" 1 \
        "$(grep -c '^qemu-trace-merge' record.log)"
    grep -qE "will not answer guest-trace-start: qemu-ga $pattern" record.log ||
        lab_fail "$what: $(cat record.log)"
    lab_assert_equal "$what: tracing on the host is as before" \
        "$state_before" "$(product_tracing_state)"
    expect_guest_as_before "$what"
}

start_vm1
# When it is looked for, the other one may not be there yet.
expect_gone "the agent is restarted" "(was started anew|has ended)" \
    product_restart_agent vm1
expect_gone "the agent is killed" "has ended" product_signal_agent vm1 KILL
product_restart_agent vm1
befall "the next recording" "" true
stop_vm1
