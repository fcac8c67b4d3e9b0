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
lab_wait_for 20 recording || lab_fail "no recording began: $(cat record.txt)"

# Each CPU writes its own numbers for 12 s, whatever the host does.
lab_guest_exec vm1 sh -c '
    for cpu in 0 1; do
        lab-markers $cpu 12 \
            /sys/kernel/tracing/instances/qga-trace/trace_marker \
            >/tmp/written-$cpu &
    done; wait' &
writers=$!
sleep 3
kill -STOP $recorder
sleep 5
kill -CONT $recorder
wait $writers
kill -INT $recorder
wait $recorder || lab_fail "the recording failed: $(cat record.txt)"
cat record.txt
for cpu in 0 1; do
    lab_guest_exec vm1 cat /tmp/written-$cpu >written-$cpu
done
