# SPDX-License-Identifier: GPL-2.0-or-later
#
# Our recorder beside trace-cmd's agent over vsock, in the same guest on the
# same work: numbered markers at rising rates.  One line of figures for each
# run goes to runs.txt; bench-record.after makes the table.

. "$LAB_LIB/product.sh"

tracing=/sys/kernel/tracing
seconds=${BENCH_SECONDS:-4}
rates=${BENCH_RATES:-"2000 10000 40000 0"}
rounds=${BENCH_ROUNDS:-1}

modprobe vhost_vsock
lab_start_guest vm1 --smp 2 -device vhost-vsock-pci,guest-cid=3
lab_guest_exec vm1 sh -c 'trace-cmd agent </dev/null >/tmp/agent.log 2>&1 &'
dir=$LAB_DIR/vm1

# The processor time of the vCPUs' threads, in ns, as the host sees it.
vcpu_ns()
{
    local total=0 task
    for task in /proc/"$(lab_guest_pid vm1)"/task/*; do
        case $(cat "$task/comm") in
        CPU*KVM) total=$((total + $(cut -d' ' -f1 <"$task/schedstat"))) ;;
        esac
    done
    echo $total
}

# load WHO RATE MARKER_FILE
load()
{
    local before after figures
    before=$(vcpu_ns)
    figures=$(lab_guest_exec vm1 lab-events "$seconds" "$2" "$3")
    after=$(vcpu_ns)
    line="run=$1 rate=$2 $figures vcpu_ns=$((after - before))"
}

# The markers' own cost without anybody who records them elsewhere.
run_base()
{
    lab_guest_exec vm1 mkdir "$tracing/instances/base"
    lab_guest_exec vm1 sh -c "echo x86-tsc >$tracing/instances/base/trace_clock"
    load base "$1" "$tracing/instances/base/trace_marker"
    lab_guest_exec vm1 rmdir "$tracing/instances/base"
    echo "$line" | tee -a runs.txt
}

# pages CPU: how many pages of it the session has
pages()
{
    lab_json ".machines[1].cpus[$1].pages" <"$session/session.json"
}

run_ours()
{
    local rate=$1 recorder
    rm -rf sessions record.log
    mkdir sessions
    qemu-trace-merge record --name vm1 --qmp "$dir/qmp.sock" \
        --qga "$dir/qga.sock" --trace "$dir/trace.sock" \
        --output-dir sessions -e kvm:kvm_entry -e kvm:kvm_exit \
        --guest-event sched:sched_process_hang >record.log 2>&1 &
    recorder=$!
    product_await_recording
    load ours "$rate" "$tracing/instances/qga-trace/trace_marker"
    kill -INT $recorder
    wait $recorder || lab_fail "the recording failed: $(cat record.log)"
    session=$(product_session)
    # Counted, not kept: the pages of all runs would fill the memory.
    line+=" received=$(qemu-trace-merge report -i "$session/vm1.dat" |
        grep -c ': marker [0-9]* [0-9]*$' || true)"
    line+=" page_bytes=$((4096 * ($(pages 0) + $(pages 1))))"
    rm -rf sessions
    echo "$line" | tee -a runs.txt
}

# Its agent prepares all with tracing off.
trace_cmd_records()
{
    lab_guest_exec vm1 sh -c "grep -q sched_process_hang $tracing/set_event &&
        grep -q 1 $tracing/tracing_on"
}

run_trace_cmd()
{
    local rate=$1 recorder
    trace-cmd record -q -o host.dat -e kvm:kvm_entry -e kvm:kvm_exit \
        -A 3:823 -e sched:sched_process_hang >record.log 2>&1 &
    recorder=$!
    lab_wait_for 60 trace_cmd_records ||
        lab_fail "trace-cmd does not record: $(cat record.log)"
    sleep 2
    load trace-cmd "$rate" "$tracing/trace_marker"
    kill -INT $recorder
    wait $recorder || lab_fail "trace-cmd failed: $(cat record.log)"
    line+=" received=$(trace-cmd report -i host-3.dat 2>/dev/null |
        grep -c ': *marker [0-9]* [0-9]*$' || true)"
    rm -f host.dat host-3.dat
    echo "$line" | tee -a runs.txt
}

for ((round = 0; round < rounds; round++)); do
    for rate in $rates; do
        run_base "$rate"
        run_ours "$rate"
        run_trace_cmd "$rate"
    done
done
