# SPDX-License-Identifier: GPL-2.0-or-later
#
# Our recorder beside trace-cmd's agent over vsock, in the same guest on the
# same work: numbered markers at rising rates, all of them in one recording of
# each, with its own defaults.  The figures of every rate go to runs.txt, the
# recordings come back, and bench-record.after makes the table.

. "$LAB_LIB/product.sh"

tracing=/sys/kernel/tracing
seconds=${BENCH_SECONDS:-2}
rates=${BENCH_RATES:-"2000 4000 8000 0"}
# Who comes first has a fresher guest: rounds take turns.
recorders=${BENCH_ORDER:-"ours trace-cmd"}

modprobe vhost_vsock
# Kernels copy by an instruction that is fast on processors, and which an
# emulated one does byte by byte: it would be measured, and nothing else.
lab_start_guest vm1 --smp 2 -cpu host,erms=off,fsrm=off \
    -device vhost-vsock-pci,guest-cid=3
dir=$LAB_DIR/vm1

# load WHO TRACE_MARKER: without a look at the guest while it is measured, which
# would cost it more than a recorder does.
load()
{
    lab_guest_exec vm1 sh -c "rm -f /tmp/figures
        (lab-events $seconds $2 $rates >/tmp/figures.new 2>&1
         mv /tmp/figures.new /tmp/figures) </dev/null >/dev/null 2>&1 &"
    # No rate takes less.
    sleep "$(echo "$rates" | awk -v s="$seconds" '{ print NF * (s + 1.25) }')"
    lab_wait_for 120 lab_guest_exec vm1 test -f /tmp/figures ||
        lab_fail "lab-events does not end"
    lab_guest_exec vm1 sed "s/^/run=$1 /" /tmp/figures | tee -a runs.txt
}

# The markers' own cost without anybody who takes them.
run_base()
{
    lab_guest_exec vm1 mkdir "$tracing/instances/base"
    lab_guest_exec vm1 sh -c "echo x86-tsc >$tracing/instances/base/trace_clock"
    load base "$tracing/instances/base/trace_marker"
    lab_guest_exec vm1 rmdir "$tracing/instances/base"
}

run_ours()
{
    local recorder session
    mkdir sessions
    qemu-trace-merge record --name vm1 --qmp "$dir/qmp.sock" \
        --qga "$dir/qga.sock" --trace "$dir/trace.sock" \
        --output-dir sessions -e kvm:kvm_entry -e kvm:kvm_exit \
        -E sched:sched_process_hang >record.log 2>&1 &
    recorder=$!
    product_await_recording
    lab_log "ours: buffers of $(lab_guest_exec vm1 \
        cat "$tracing/instances/qga-trace/buffer_size_kb") KiB on each CPU"
    load ours "$tracing/instances/qga-trace/trace_marker"
    kill -INT $recorder
    wait $recorder || lab_fail "the recording failed: $(cat record.log)"
    session=$(product_session)
    mv "$session/session.json" ours.json
    mv "$session/vm1.dat" ours.dat
    rm -rf sessions
    lab_log "ours: recorded"
}

# What is copied is not measured; but between two messages of its agent
# trace-cmd waits for 5 s, and an emulated machine needs them for all symbols.
shorten_symbols()
{
    lab_guest_exec vm1 sh -c 'head -n 1000 /proc/kallsyms >/tmp/kallsyms
        mount --bind /tmp/kallsyms /proc/kallsyms'
}

# Its agent prepares all with tracing off.
trace_cmd_records()
{
    lab_guest_exec vm1 sh -c "grep -q sched_process_hang $tracing/set_event &&
        grep -q 1 $tracing/tracing_on"
}

# Leaves $recorder; 1: it does not record, whatever we do.  Its connection
# hardly ever comes about without KVM's events.  Clocks it compares before and
# after, as our recorder has nothing to do with that.
start_trace_cmd()
{
    local try
    for try in 1 2 3; do
        lab_guest_exec vm1 sh -c 'killall trace-cmd 2>/dev/null
            trace-cmd agent </dev/null >/tmp/agent.log 2>&1 &'
        sleep 1
        trace-cmd record -o host.dat -e kvm:kvm_entry -e kvm:kvm_exit \
            --tsync-interval 0 -A 3:823 -e sched:sched_process_hang \
            >trace-cmd.log 2>&1 &
        recorder=$!
        lab_wait_for 40 trace_cmd_records && return
        lab_log "trace-cmd does not record, try $try: $(cat trace-cmd.log)"
        killall -KILL trace-cmd
        wait $recorder || true
    done
    echo "trace-cmd's agent did not begin to record in three tries:" \
        "$(grep -v '^Hit' trace-cmd.log | tail -n 1)" >no-peer.txt
    return 1
}

run_trace_cmd()
{
    local recorder
    start_trace_cmd || return 0
    sleep 5
    lab_log "trace-cmd: buffers of $(lab_guest_exec vm1 \
        cat "$tracing/buffer_size_kb") KiB on each CPU"
    load trace-cmd "$tracing/trace_marker"
    kill -INT $recorder
    wait $recorder || lab_fail "trace-cmd failed: $(cat trace-cmd.log)"
    mv host-3.dat trace-cmd.dat
    rm -f host.dat
    lab_log "trace-cmd: recorded"
}

shorten_symbols
# What follows a boot is not to be taken for what goes on all the time.
sleep 5
run_base
for who in $recorders; do
    case $who in
    ours) run_ours ;;
    trace-cmd) run_trace_cmd ;;
    *) lab_fail "no recorder is called $who" ;;
    esac
done
