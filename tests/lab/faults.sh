# SPDX-License-Identifier: GPL-2.0-or-later
#
# Recordings that something befalls: each time there is one clear sentence,
# what was recorded until then can be read with no mark missing in it, and
# tracing on both sides is as before.  Sourced by scenarios.

. "$LAB_LIB/product.sh"

state_before=$(product_tracing_state)
# Where sessions go.
place=sessions
mkdir -p $place

qmp()
{
    lab_qmp "$@" >/dev/null
}

# befall WHAT PATTERN ACTION...: records vm1, does ACTION in the middle, and
# looks at what is left of it.  PATTERN is what is said; "" for no failure.
befall()
{
    local what=$1 pattern=$2 status=0 recorder machine
    local dir=$LAB_DIR/vm1
    shift 2
    rm -rf "$place"/*Z record.log
    qemu-trace-merge record --name vm1 --qmp "$dir/qmp.sock" \
        --qga "$dir/qga.sock" --trace "$dir/trace.sock" \
        --output-dir "$place" --duration "${duration:-4}" \
        -e sched:sched_process_hang -E sched:sched_switch \
        >record.log 2>&1 &
    recorder=$!
    product_await_recording
    sleep 1.5
    "$@"
    wait $recorder || status=$?
    session=$(echo "$place"/*Z)
    lab_assert_equal "$what: failed" "$([ -z "$pattern" ] || echo 1)" \
        "${status#0}"
    grep '^qemu-trace-merge' record.log >sentences || true
    if [ -n "$pattern" ]; then
        lab_log "$what: $(cat sentences)"
        lab_assert_equal "$what: sentences" 1 "$(wc -l <sentences)"
        grep -qE "$pattern" sentences ||
            lab_fail "$what: expected '$pattern', got '$(cat sentences)'"
    fi
    ${afterwards:-true}
    grep -q '"state": *"complete"' "$session/session.json" ||
        qemu-trace-merge recover "$session" >recover.log 2>&1 ||
        lab_fail "$what: recover: $(cat recover.log)"
    if [ -n "$pattern" ]; then
        product_expect_marks "$what" host
        product_expect_marks "$what" vm1
    else
        product_expect_marks "$what" host "$(cat marks-host)"
        product_expect_marks "$what" vm1 "$(lab_guest_exec vm1 cat /tmp/marks)"
    fi
    for machine in 0 1; do
        lab_log "$what: ended: $(lab_json ".machines[$machine].ended" \
            <"$session/session.json")"
    done
    lab_assert_equal "$what: tracing on the host is as before" \
        "$state_before" "$(product_tracing_state)"
}

expect_guest_as_before()
{
    lab_wait_for 40 eval '[ "$guest_state_before" = \
        "$(product_guest_tracing_state vm1)" ]' ||
        lab_fail "$1: tracing in the guest is not as before: \
$(product_guest_tracing_state vm1)"
    lab_log "ok: $1: tracing in the guest is as before"
}

start_vm1()
{
    lab_start_guest vm1 --smp 2 "$@"
    guest_state_before=$(product_guest_tracing_state vm1)
    product_start_marks vm1
}

# However it ended.
stop_vm1()
{
    product_stop_marks
    lab_stop_guest vm1
    rm -rf "${LAB_DIR:?}/vm1"
}
