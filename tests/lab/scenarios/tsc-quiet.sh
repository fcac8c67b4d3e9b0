# SPDX-License-Identifier: GPL-2.0-or-later
#
# Queries leave the vCPUs alone: 10,000 of them, in spans that take turns with
# spans of the same length in which another QEMU is asked the same (CPUs of the
# emulated host slow each other down, so they must have as much to do), and with
# spans of queries that ask for a fresh reading. tsc-quiet.after counts what was
# traced.

trace=/sys/kernel/tracing
ROUNDS=10
QUERIES=1000       # in each round
FRESH_QUERIES=30

# One vCPU, so that L1 needs no more CPUs than this machine has.
lab_start_guest vm1 --smp 1
pid=$(lab_guest_pid vm1)
socket=$LAB_DIR/vm1/qmp2.sock

# The other one, whose vCPU never runs.
lab_start_machine other kvm host -smp 1 -S
other_socket=$LAB_DIR/other/qmp2.sock
for task in /proc/"$(lab_guest_pid other)"/task/*; do
    taskset -p 1 "${task##*/}" >/dev/null
done

# All but the vCPUs goes to CPU 0, this script and what it starts included.
taskset -p 1 $$ >/dev/null
vcpu_threads=()
for task in /proc/"$pid"/task/*; do
    case $(cat "$task/comm") in
    "CPU "*/KVM)
        vcpu_threads+=("${task##*/}")
        taskset -p $((2 << (${#vcpu_threads[@]} - 1))) "${task##*/}" >/dev/null
        ;;
    *)
        taskset -p 1 "${task##*/}" >/dev/null
        ;;
    esac
done
lab_assert_equal "vCPU threads" 1 "${#vcpu_threads[@]}"
echo "${vcpu_threads[@]}" >vcpu-threads

# ioctls on a vCPU's file descriptor, whichever thread makes them.
filter=
for fd in /proc/"$pid"/fd/*; do
    case $(readlink "$fd") in
    anon_inode:kvm-vcpu:*) filter+="${filter:+ || }fd == ${fd##*/}" ;;
    esac
done
KVM_RUN=0xae80
threads=
for task in /proc/"$pid"/task/*; do
    threads+="${threads:+ || }common_pid == ${task##*/}"
done

# A guest that is busy now and then, and needs nobody for it.
lab_guest_exec vm1 sh -c 'lab-load 600 10000 </dev/null >/dev/null 2>&1 &'
sleep 2

trace-cmd record -q -o trace.dat -b 40000 -e kvm:kvm_exit \
    -e kvm:kvm_userspace_exit -e signal:signal_generate \
    -e syscalls:sys_enter_ioctl \
    -f "($filter) && ($threads) && cmd != $KVM_RUN" >trace-cmd.log 2>&1 &
recorder=$!
# It has begun once a mark is accepted after the events are on.
lab_wait_for 30 eval '[ "$(cat $trace/events/kvm/kvm_exit/enable)" = 1 ] &&
        echo begin 2>/dev/null >$trace/trace_marker' ||
    lab_fail "trace-cmd does not record: $(cat trace-cmd.log)"
sleep 1

# span NAME COMMAND...
span()
{
    echo "span begin $1" >$trace/trace_marker
    "${@:2}"
    echo "span end $1" >$trace/trace_marker
    sleep 0.1
}

query='{"execute": "query-vcpu-tsc-offset"}'
fresh='{"execute": "query-vcpu-tsc-offset", "arguments": {"refresh": true}}'

# ask SOCKET REQUEST TIMES
ask()
{
    lab-talk -t 100 repeat "$@" >/dev/null
}

for n in $(seq $ROUNDS); do
    span "queries$n" ask "$socket" "$query" $QUERIES
    span "others$n" ask "$other_socket" "$query" $QUERIES
    span "fresh$n" ask "$socket" "$fresh" $FRESH_QUERIES
    lab_log "round $n of $ROUNDS"
done

kill -INT $recorder
wait $recorder || true
lab_assert "trace-cmd left a recording" [ -s trace.dat ]
