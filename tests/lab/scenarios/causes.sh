# SPDX-License-Identifier: GPL-2.0-or-later
#
# Latencies of known causes, one after the other in one recording; causes.after
# holds what `explain` says against what was done here.  vCPU 1 alone, on host
# CPU 1, is made late, by half a second each time: the emulation itself makes
# it late by up to a tenth.

. "$LAB_LIB/product.sh"

SPIKE_MS=500
SPIKE_S=0.5

# vcpu_thread N: the host thread of the guest's vCPU N.
vcpu_thread()
{
    lab_qmp vm1 '{"execute": "query-cpus-fast"}' |
        lab_json ".return[$1].thread-id"
}

# named NAME ARGS...: lab-spike under a name of its own, so that it is known
# which one of them is meant.
named()
{
    local name=$1
    shift
    [ -e "/tmp/$name" ] || cp /usr/bin/lab-spike "/tmp/$name"
    "/tmp/$name" "$@"
}

guest_named()
{
    local name=$1
    shift
    lab_guest_exec vm1 sh -c "cp /usr/bin/lab-spike /tmp/$name; /tmp/$name $*"
}

# A host task of higher priority takes the vCPU's CPU while it runs.
plant_running_hog()
{
    guest_named guest-busy hog 1 0 3000 &
    sleep 1.5
    named hog-running hog 1 80 $SPIKE_MS
    wait || true
}

# The same while the vCPU is halted between two timers, and delays its waking.
plant_halted_hog()
{
    named hog-halted hog 1 80 $SPIKE_MS
}

plant_sigstop()
{
    kill -STOP "$(lab_guest_pid vm1)"
    sleep $SPIKE_S
    kill -CONT "$(lab_guest_pid vm1)"
}

plant_stop()
{
    lab_qmp vm1 '{"execute": "stop"}' >/dev/null
    sleep $SPIKE_S
    lab_qmp vm1 '{"execute": "cont"}' >/dev/null
}

plant_irq_storm()
{
    named irq-storm storm 1 $SPIKE_MS
}

plant_guest_hog()
{
    guest_named guest-hog hog 1 80 $SPIKE_MS
}

# A device access that blocks in QEMU: its lock is held by a command of the
# monitor, which waits for somebody to read what it writes.  Nobody else can
# talk to the guest meanwhile, so the access is ordered before.
plant_slow_exit()
{
    local config=/sys/bus/pci/devices/0000:00:00.0/config

    lab_guest_exec vm1 sh -c "sleep 2; taskset 2 cat $config >/dev/null" &
    sleep 1
    lab_qmp vm1 "{\"execute\": \"pmemsave\", \"arguments\": {\"val\": 0,
        \"size\": 1, \"filename\": \"$LAB_DIR/slow.pipe\"}}" >/dev/null &
    sleep 3
    cat "$LAB_DIR/slow.pipe" >/dev/null
    wait
}

# The guest's own TSC, forward by half a second at 1 to 4 GHz.  Its kernel puts
# it right again as soon as the CPU idles, so it is kept busy.
plant_clock_step()
{
    guest_named guest-busy hog 1 0 3000 &
    sleep 1.5
    lab_guest_exec vm1 sh -c 'now=$(rdmsr -d -p 1 0x10);
        wrmsr -p 1 0x10 $((now + 1500000000))'
    wait || true
}

plant_all()
{
    local cause

    product_await_recording
    sleep 1
    for cause in running_hog halted_hog sigstop stop irq_storm guest_hog \
                 slow_exit clock_step; do
        "plant_$cause"
        lab_log "planted: $cause"
        sleep 0.5
    done
}

mkfifo "$LAB_DIR/slow.pipe"
lab_start_guest vm1 --smp 2
for vcpu in 0 1; do
    taskset -p $((1 << vcpu)) "$(vcpu_thread $vcpu)" >/dev/null
done
# As many timer interrupts as the CPU takes.
echo 1000000 >/proc/sys/kernel/perf_event_max_sample_rate
echo 0 >/proc/sys/kernel/perf_cpu_time_max_percent

plant_all &
planter=$!
mkdir sessions
qemu-trace-merge record --name vm1 --qmp "$LAB_DIR/vm1/qmp.sock" \
    --qga "$LAB_DIR/vm1/qga.sock" --trace "$LAB_DIR/vm1/trace.sock" \
    --output-dir sessions --buffer-size 16384 -- lab-load 300 2000 \
    >record.log 2>&1 &
recorder=$!
wait $planter || lab_fail "a cause could not be planted"
kill -INT $recorder
wait $recorder || true
cat record.log
[ -e "$(product_session)/vm1.dat" ] || lab_fail "there is no recording"
