# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that asks: qga-trace record in the guest makes the host record, too,
# and what made cyclictest stop is on the merged timeline.

. "$LAB_LIB/product.sh"

# serve [OPTION...]: in the background, for vm1; its log is serve.log
serve()
{
    local dir=$LAB_DIR/vm1
    rm -rf sessions serve.log
    mkdir sessions
    qemu-trace-merge serve --name vm1 --qmp "$dir/qmp.sock" \
        --qga "$dir/qga.sock" --trace "$dir/trace.sock" \
        --output-dir sessions "$@" 2>serve.log &
    server=$!
    lab_wait_for 30 grep -q 'listening for requests' serve.log
}

end_serve()
{
    kill "$server"
    wait "$server" || lab_fail "serve ended with status $?"
    cat serve.log
}

lab_start_guest vm1 --smp 2

# Refused, where nobody allowed it.
serve
status=0
lab_guest_exec vm1 qga-trace record -- true >refused.log 2>&1 || status=$?
cat refused.log
lab_assert "a request is refused by default" [ $status -ne 0 ]
grep -q 'the host refuses' refused.log || lab_fail "$(cat refused.log)"
end_serve

serve --allow default
lab_guest_exec vm1 qga-trace record -- \
    cyclictest -q -m -p 80 -i 1000 -b 400 -D 60 >asked.log 2>&1 || true
cat asked.log
lab_wait_for 120 grep -q 'next: qemu-trace-merge report' serve.log
session=$(product_session)
lab_assert "cyclictest met its threshold" grep -q 'Break value' asked.log
lab_assert "the guest knows the recording's name" \
    grep -q "keeps the recording as ${session#*/}" asked.log
qemu-trace-merge report "$session" >report.txt
lab_assert "cyclictest is on the timeline" \
    grep -q 'vm1: .*sched_switch:.*cyclictest' report.txt
lab_assert "the host is on the timeline" grep -q 'host: .*kvm_entry' report.txt
qemu-trace-merge check "$session" >check.txt || {
    cat check.txt
    lab_fail "the clocks do not match"
}
cat check.txt
tid=$(sed -n 's/.*Break thread: *\([0-9]*\).*/\1/p' asked.log)
lab_log "thread $tid was late by" \
    "$(sed -n 's/.*Break value: *\([0-9]*\).*/\1/p' asked.log) us"
lab_assert "its last switch is on the timeline" \
    grep -q "vm1: .*sched_switch:.*==> cyclictest:$tid" report.txt
end_serve
