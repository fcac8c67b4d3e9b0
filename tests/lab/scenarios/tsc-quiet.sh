# SPDX-License-Identifier: GPL-2.0-or-later
#
# Queries leave the vCPUs alone: 10,000 of them in a row, against spans of the
# same length without any, and against queries that ask for a fresh reading.
# tsc-quiet.after counts what was traced.

trace=/sys/kernel/tracing
QUERIES=10000
FRESH_QUERIES=500

lab_start_guest vm1 --smp 2
pid=$(lab_guest_pid vm1)
socket=$LAB_DIR/vm1/qmp2.sock

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
lab_assert_equal "vCPU threads" 2 "${#vcpu_threads[@]}"
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
lab_guest_exec vm1 sh -c 'lab-load 300 5000 </dev/null >/dev/null 2>&1 &'
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
    sleep 0.5
}

query='{"execute": "query-vcpu-tsc-offset"}'
fresh='{"execute": "query-vcpu-tsc-offset", "arguments": {"refresh": true}}'

# seconds SPAN...: how long a span took.
seconds()
{
    local began ended
    read -r began _ </proc/uptime
    span "$@" >&2
    read -r ended _ </proc/uptime
    awk "BEGIN { print $ended - $began - 0.5 }"
}

took_s=$(seconds queries lab-talk -t 250 repeat "$socket" "$query" $QUERIES)
lab_log "$QUERIES queries took $took_s s"
# As long, in three parts, to know by how much they differ.
for n in 1 2 3; do
    span "free$n" sleep "$(awk "BEGIN { print $took_s / 3 }")"
done
took_s=$(seconds fresh \
    lab-talk -t 60 repeat "$socket" "$fresh" $FRESH_QUERIES)
lab_log "$FRESH_QUERIES fresh queries took $took_s s"

kill -INT $recorder
wait $recorder || true
lab_assert "trace-cmd left a recording" [ -s trace.dat ]
