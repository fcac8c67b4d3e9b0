# SPDX-License-Identifier: GPL-2.0-or-later
#
# A real KVM guest and its host on one timeline: recorded, proved exact by the
# vCPUs' windows, and shown by trace-cmd just as we show it.

. "$LAB_LIB/product.sh"

# "TIME EVENT" of each line of a report, whatever stands in front.
times_and_events()
{
    sed -nE 's/^.* ([0-9]+\.[0-9]{9}): +([A-Za-z0-9_]+): .*/\1 \2/p'
}

lab_start_guest vm1 --smp 2

# Both vCPUs have to be seen on both host CPUs: the scheduler may keep them
# where they are, so they are moved about while they run.
move_vcpus()
{
    local tids cpu=0
    tids=$(grep -l '^CPU ' /proc/"$(lab_guest_pid vm1)"/task/*/comm |
        sed 's|.*/task/\([0-9]*\)/comm|\1|')
    while sleep 0.3; do
        for tid in $tids; do
            taskset -p $((1 << cpu)) "$tid" >/dev/null || return 0
            cpu=$((1 - cpu))
        done
        cpu=$((1 - cpu))
    done
}

# The offset by debugfs, in the order of the vCPUs' APIC ids.
debugfs_offsets()
{
    cat "/sys/kernel/debug/kvm/$(lab_guest_pid vm1)"-*/vcpu[01]/tsc-offset
}

state_before=$(product_tracing_state)
guest_state_before=$(product_guest_tracing_state vm1)

move_vcpus &
mover=$!
product_record vm1 -- lab-load 4 500
kill $mover
wait $mover || true

cat "$session/session.json"
lab_assert_equal "tracing on the host is as before" \
    "$state_before" "$(product_tracing_state)"
lab_assert_equal "tracing in the guest is as before" \
    "$guest_state_before" "$(product_guest_tracing_state vm1)"

reply=$(lab_qmp vm1 '{"execute": "query-vcpu-tsc-offset"}')
for vcpu in 0 1; do
    lab_assert_equal "the offset of vCPU $vcpu, by debugfs and by QMP" \
        "$(debugfs_offsets | sed -n $((vcpu + 1))p)" \
        "$(lab_json ".return.vcpus[$vcpu].offset" <<<"$reply")"
done

qemu-trace-merge check "$session" | tee check.txt
total=$(grep '^total:' check.txt)
lab_assert "at least 10,000 guest events are inside their windows" \
    [ "$(product_value inside <<<"$total")" -ge 10000 ]
lab_assert_equal "guest events outside" 0 "$(product_value outside <<<"$total")"
lab_assert_equal "guest events where the host lost some" 0 \
    "$(product_value lost <<<"$total")"
for cpu in 0 1; do
    lab_assert "vCPU $cpu was seen on both host CPUs" \
        grep -qE "^vm1 CPU $cpu .* host-cpus=(0,1|1,0)" check.txt
done
for shift in 50000 -50000; do
    if qemu-trace-merge check --shift-ns $shift "$session" >shifted.txt; then
        lab_fail "a shift of $shift ns is not noticed: $(cat shifted.txt)"
    fi
    lab_log "ok: a shift of $shift ns is noticed: $(tail -n 1 shifted.txt)"
done

qemu-trace-merge report -t "$session" >report.txt
lab_assert "host and guest are interleaved" \
    grep -q "vm1: .*sched_switch" report.txt
lab_assert "the host's entries are there" grep -q "host: .*kvm_entry" report.txt
lab_assert_equal "events lost" 0 "$(grep -c 'EVENTS DROPPED' report.txt || true)"

# The same by trace-cmd: the same events, the same times to the last digit.
trace-cmd report -t -i "$session/host.dat" -i "$session/vm1.dat" \
    >trace-cmd.txt 2>trace-cmd.err
times_and_events <report.txt >ours
times_and_events <trace-cmd.txt >theirs
lab_log "$(wc -l <ours) events by us, $(wc -l <theirs) by trace-cmd"
lab_assert "trace-cmd lists times in ascending order, and so do we" \
    sh -c 'cut -d" " -f1 ours | sort -c -n && cut -d" " -f1 theirs | sort -c -n'
sort ours >ours.sorted
sort theirs >theirs.sorted
if ! cmp ours.sorted theirs.sorted; then
    diff ours.sorted theirs.sorted | head -20
    lab_fail "trace-cmd shows other events or times"
fi
lab_log "ok: trace-cmd shows the same events at the same times"
rm ours* theirs* trace-cmd.txt
