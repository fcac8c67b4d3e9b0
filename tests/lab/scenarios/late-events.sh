# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest's vCPU is off its core for a while, perhaps in the middle of writing
# an event, as the recording ends: that event, too, is read or counted.

. "$LAB_LIB/product.sh"

rounds=8
lab_start_guest vm1 --smp 2

# vCPU 1 shares a core with a program that leaves it half of that.
for comm in /proc/"$(lab_guest_pid vm1)"/task/*/comm; do
    tid=${comm%/comm} tid=${tid##*/}
    case $(cat "$comm") in
    'CPU 0/KVM') taskset -p 1 "$tid" >/dev/null ;;
    'CPU 1/KVM') taskset -p 2 "$tid" >/dev/null ;;
    esac
done
chrt -f 10 taskset 2 bash -c '
    while sleep 0.05; do
        end=$((${EPOCHREALTIME/./} + 60000))
        while [ ${EPOCHREALTIME/./} -lt $end ]; do :; done
    done' &
hog=$!

# count KEY: of CPU 1, in the last recording
count()
{
    lab_json ".cpus[1].$1" <state.json
}

missing=0
for ((round = 1; round <= rounds; round++)); do
    # All but the writer on CPU 0. The writer ends when tracing is off.
    lab_guest_exec vm1 taskset 1 sh -c '
        qga-trace start --output /tmp/stream -e sched:sched_process_hang \
            >/dev/null || exit 1
        lab-markers 1 /nowhere \
            /sys/kernel/tracing/instances/qga-trace/trace_marker \
            >/dev/null 2>/tmp/written &
        until grep -qE "^(entries|read events): [1-9]" \
            /sys/kernel/tracing/instances/qga-trace/per_cpu/cpu1/stats; do
            usleep 10000
        done
        usleep $((100000 + '$RANDOM'))
        qga-trace stop --timeout 30
        wait' >state.json
    written=$(lab_guest_exec vm1 \
        sed -n 's/.*cannot write marker \([0-9]*\): .*/\1/p' /tmp/written)
    [ "$written" -gt 0 ] || lab_fail "round $round: no marker was written"
    counted=0
    for key in read-events overrun-events dropped-events unread-events; do
        counted=$((counted + $(count $key)))
    done
    lab_log "round $round: of $written events, $counted are counted"
    missing=$((missing + written - counted))
done
kill $hog
lab_assert_equal "events that are not counted" 0 $missing
rm -f state.json
