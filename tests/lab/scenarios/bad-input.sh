# SPDX-License-Identifier: GPL-2.0-or-later
#
# What goes wrong on real machines: each time one clear sentence, a non-zero
# exit, what was recorded readable, and tracing on both sides as before.

. "$LAB_LIB/product.sh"

lab_start_guest vm1
state_before=$(product_tracing_state)
guest_state_before=$(product_guest_tracing_state vm1)

# expect_failure WHAT PATTERN [OPTION...]: recording fails with one sentence
# that PATTERN matches.
expect_failure()
{
    local what=$1 pattern=$2 status=0
    shift 2
    (product_record vm1 "$@") >/dev/null || status=$?
    product_expect_failure "$what" "$pattern" $status
}

expect_host_as_before()
{
    lab_assert_equal "tracing on the host is as before" "$state_before" \
        "$(product_tracing_state)"
}

expect_guest_as_before()
{
    lab_assert_equal "tracing in the guest is as before" \
        "$guest_state_before" "$(product_guest_tracing_state vm1)"
}

expect_failure "an unknown event of the guest" 'nosuch' \
    --duration 1 -E nosuch:event
expect_failure "an unknown event of the host" 'nosuch' \
    --duration 1 -e nosuch:event
expect_failure "a tracer that is not there" 'osnoise' \
    --duration 1 --guest-tracer osnoise
expect_host_as_before
expect_guest_as_before

# A function tracer on both sides, as the RFC's own example has it.
product_record vm1 --duration 1 -p function -l 'kvm_arch_vcpu_ioctl*' \
    --guest-tracer function --guest-function 'tick_*'
qemu-trace-merge report "$session" >functions.txt
lab_assert "functions of the host are on the timeline" \
    grep -q 'host: .*function: .*kvm_arch_vcpu_ioctl' functions.txt
lab_assert "functions of the guest are on the timeline" \
    grep -q 'vm1: .*function: .*tick_' functions.txt
rm functions.txt

lab_guest_exec vm1 mv /usr/bin/qga-trace /tmp/
expect_failure "a guest without qga-trace" 'qga-trace' --duration 1
lab_guest_exec vm1 mv /tmp/qga-trace /usr/bin/

lab_guest_exec vm1 sh -c '
    for port in /sys/class/virtio-ports/*; do
        if [ "$(cat "$port/name")" = org.qemu.trace.0 ]; then
            sleep 1000 <>"/dev/${port##*/}" >/dev/null 2>&1 &
        fi
    done'
expect_failure "a port that is taken" 'taken|in use|busy' --duration 1
lab_guest_exec vm1 killall sleep

product_signal_agent vm1 STOP
expect_failure "an agent that does not answer" 'agent' --duration 1
product_signal_agent vm1 CONT
expect_host_as_before
expect_guest_as_before

# The disk is full in mid-recording, to the last byte.
mkdir small
mount -t tmpfs -o size=14m small small
dir=$LAB_DIR/vm1
status=0
qemu-trace-merge record --name vm1 --qmp "$dir/qmp.sock" \
    --qga "$dir/qga.sock" --trace "$dir/trace.sock" --output-dir small \
    --limit keep-free=0 -- lab-load 8 200 >record.log 2>&1 || status=$?
cat record.log
lab_assert "a full disk: it fails" [ $status -ne 0 ]
lab_assert "a full disk is named" grep -qiE 'no space|disk|full' record.log
# Where there is room, what was recorded can be made readable.
rm -rf saved
cp -r small/*Z saved
umount small
qemu-trace-merge recover saved
qemu-trace-merge report saved >saved.txt
lab_assert "a full disk: the guest's events until then are readable" \
    grep -q 'vm1: .*sched_switch' saved.txt
rm -r saved saved.txt
expect_host_as_before
expect_guest_as_before

# QEMU is killed in mid-recording: what came until then is readable.
kill_qemu()
{
    product_await_recording
    sleep 2
    kill -KILL "$(lab_guest_pid vm1)"
}
rm record.log
kill_qemu &
killer=$!
expect_failure "QEMU killed" 'QEMU|guest' --duration 20 -- lab-load 8 500
wait $killer
session=$(product_session)
qemu-trace-merge report "$session" >killed.txt
lab_assert "the guest's events until then are readable" \
    grep -q 'vm1: .*sched_switch' killed.txt
lab_assert "the host's events until then are readable" \
    grep -q 'host: .*kvm_entry' killed.txt
rm killed.txt
expect_host_as_before
