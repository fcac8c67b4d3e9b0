# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest records at full speed into a host that stops reading for 5 s: the
# guest goes on, and every numbered event is either received or counted as
# lost on the CPU where it was lost.

. "$LAB_LIB/product.sh"

lab_start_guest vm1 --smp 2

# Nothing but the markers is recorded, so that they can be counted.
dir=$LAB_DIR/vm1
mkdir sessions
qemu-trace-merge record --name vm1 --qmp "$dir/qmp.sock" \
    --qga "$dir/qga.sock" --trace "$dir/trace.sock" --output-dir sessions \
    --guest-event sched:sched_process_hang --guest-buffer-size 256 \
    >record.txt 2>&1 &
recorder=$!

recording()
{
    lab_guest_exec vm1 sh -c \
        '[ "$(cat /sys/kernel/tracing/instances/qga-trace/tracing_on)" = 1 ]' \
        2>/dev/null
}
lab_wait_for 60 recording || lab_fail "no recording began: $(cat record.txt)"

# Each CPU writes its own numbers, whatever the host does. In the background
# of the guest, since its agent serves one caller at a time.
lab_guest_exec vm1 sh -c '
    for cpu in 0 1; do
        lab-markers $cpu /tmp/enough \
            /sys/kernel/tracing/instances/qga-trace/trace_marker \
            >/tmp/written-$cpu 2>&1 </dev/null &
    done'

written()
{
    lab_guest_exec vm1 test -s /tmp/written-0 &&
        lab_guest_exec vm1 test -s /tmp/written-1
}

# overruns CPU: what the guest's kernel has counted so far
overruns()
{
    lab_guest_exec vm1 sed -n 's/^overrun: //p' \
        "/sys/kernel/tracing/instances/qga-trace/per_cpu/cpu$1/stats"
}

# The buffer of 256 KiB has no room for this many.
overrun_in_pause()
{
    [ $(($(overruns 0) - before_0)) -gt 10000 ] &&
        [ $(($(overruns 1) - before_1)) -gt 10000 ]
}

sleep 3
before_0=$(overruns 0) before_1=$(overruns 1)
kill -STOP $recorder
sleep 5
lab_wait_for 120 overrun_in_pause ||
    lab_fail "the guest did not write on during the pause"
kill -CONT $recorder
lab_guest_exec vm1 touch /tmp/enough
lab_wait_for 60 written || lab_fail "the guest's writers did not end"
kill -INT $recorder
wait $recorder || lab_fail "the recording failed: $(cat record.txt)"
cat record.txt
for cpu in 0 1; do
    lab_guest_exec vm1 cat /tmp/written-$cpu >written-$cpu
done
