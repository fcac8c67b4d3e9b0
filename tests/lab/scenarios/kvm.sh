# SPDX-License-Identifier: GPL-2.0-or-later
#
# A real KVM guest and its host, recorded together.  kvm.after proves that
# they lie on one timeline.

. "$LAB_LIB/product.sh"

# Both vCPUs have to be seen on both host CPUs: the scheduler may keep them
# where they are, so they are moved about while they run.  Not before the
# recording has begun: to it, they would be pinned, perhaps to the same CPU.
move_vcpus()
{
    local tids cpu=0 tid
    product_await_recording
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

# The offsets by debugfs, in the order of the vCPUs' APIC ids.
debugfs_offsets()
{
    cat "/sys/kernel/debug/kvm/$(lab_guest_pid vm1)"-*/vcpu[01]/tsc-offset
}

lab_start_guest vm1 --smp 2
state_before=$(product_tracing_state)
guest_state_before=$(product_guest_tracing_state vm1)

move_vcpus &
mover=$!
product_record vm1 -- lab-load 4 500
kill $mover
wait $mover || true

lab_assert_equal "tracing on the host is as before" \
    "$state_before" "$(product_tracing_state)"
lab_assert_equal "tracing in the guest is as before" \
    "$guest_state_before" "$(product_guest_tracing_state vm1)"

reply=$(lab_qmp vm1 '{"execute": "query-vcpu-tsc-offset"}')
for vcpu in 0 1; do
    expected=$(debugfs_offsets | sed -n $((vcpu + 1))p)
    lab_assert_equal "the offset of vCPU $vcpu, by debugfs and by QMP" \
        "$expected" "$(lab_json ".return.vcpus[$vcpu].offset" <<<"$reply")"
    lab_assert_equal "the offset of vCPU $vcpu in the session" "$expected" \
        "$(lab_json ".machines[1].vcpus[$vcpu].segments[0].offset-ticks" \
            <"$session/session.json")"
done
