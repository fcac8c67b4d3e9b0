# SPDX-License-Identifier: GPL-2.0-or-later
#
# A real-time guest: a section with interrupts off, which its hwlat tracer
# makes; and what its timerlat and osnoise tracers and cyclictest measure while
# a host task takes the vCPU's CPU.  rt-causes.after holds what `explain` says
# against it, and what `report` prints against trace-cmd's.

. "$LAB_LIB/product.sh"

# record_with NAME PLANTER [OPTION...]: records into NAME while the planter
# runs, and ends with it.
record_with()
{
    local name=$1 planter=$2 recorder
    shift 2
    mkdir -p "$name"
    qemu-trace-merge record --name vm1 --qmp "$LAB_DIR/vm1/qmp.sock" \
        --qga "$LAB_DIR/vm1/qga.sock" --trace "$LAB_DIR/vm1/trace.sock" \
        --output-dir "$name" --buffer-size 16384 --duration 120 "$@" \
        >record.log 2>&1 &
    recorder=$!
    product_await_recording
    sleep 1
    "$planter" || lab_fail "$name: $planter failed"
    sleep 0.5
    kill -INT $recorder
    wait $recorder || true
    cat record.log
    rm record.log
}

host_hog()
{
    /tmp/host-hog hog 1 80 500
}

# The tracer doesn't look for a twentieth of the time: the second one is seen.
plant_osnoise_hogs()
{
    host_hog
    sleep 0.3
    host_hog
}

# The mark goes to the top of tracefs; before Linux 6.16 only a file mounted
# over that one takes it into the recording.
cyclictest_marks()
{
    lab_guest_exec vm1 unshare -m sh -c '
        tracing=/sys/kernel/debug/tracing
        mount --bind $tracing/instances/qga-trace/trace_marker \
            $tracing/trace_marker
        cyclictest -q -m -t 1 -a 1 -p 90 -i 1000 -D 60 -b 300000 --tracemark'
}

plant_cyclictest_hog()
{
    cyclictest_marks &
    sleep 3
    host_hog
    wait $!
}

# Each second, hwlat looks at the TSC for half of it with interrupts off.
plant_irqs_off()
{
    lab_guest_exec vm1 sh -c 'cd /sys/kernel/tracing
        echo 2 >tracing_cpumask
        echo 500000 >hwlat_detector/width
        lab-load 6 5000 & echo hwlat >current_tracer
        sleep 4; echo nop >current_tracer; wait'
}

# vcpu_thread N: the host thread of the guest's vCPU N.
vcpu_thread()
{
    lab_qmp vm1 '{"execute": "query-cpus-fast"}' |
        lab_json ".return[$1].thread-id"
}

lab_start_guest vm1 --smp 2
cp /usr/bin/lab-spike /tmp/host-hog
for vcpu in 0 1; do
    taskset -p $((1 << vcpu)) "$(vcpu_thread $vcpu)" >/dev/null
done
record_with irqs-off plant_irqs_off
record_with timerlat host_hog --guest-tracer timerlat
lab_guest_exec vm1 sh -c 'echo 950000 >/sys/kernel/tracing/osnoise/runtime_us'
record_with osnoise plant_osnoise_hogs --guest-tracer osnoise
record_with cyclictest plant_cyclictest_hog
