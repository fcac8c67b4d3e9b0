# SPDX-License-Identifier: GPL-2.0-or-later
#
# The lab itself works: a guest boots, both sides have the x86-tsc clock, the
# agent answers, QMP and debugfs agree on the offsets, trace-cmd records.

has_tsc_clock()
{
    grep -qw x86-tsc
}

lab_start_guest vm1

lab_assert "the host has the x86-tsc clock" \
    has_tsc_clock </sys/kernel/tracing/trace_clock
lab_guest_exec vm1 cat /sys/kernel/tracing/trace_clock >guest-clock
lab_assert "the guest has the x86-tsc clock" has_tsc_clock <guest-clock
lab_assert_equal "the guest's processors" 2 "$(lab_guest_exec vm1 nproc)"
lab_assert_equal "the exit status of a program in the guest" 3 \
    "$(lab_guest_exec vm1 sh -c 'exit 3' >/dev/null && echo 0 || echo $?)"
lab_assert "the agent answers" \
    lab_agent vm1 '{"execute": "guest-get-time"}' >guest-time

reply=$(lab_qmp vm1 '{"execute": "query-vcpu-tsc-offset"}')
lab_log "query-vcpu-tsc-offset: $reply"
if [ "$LAB_FORM" = nested ]; then
    debugfs=/sys/kernel/debug/kvm/$(lab_guest_pid vm1)
    for vcpu in 0 1; do
        lab_assert_equal "the offset of vCPU $vcpu, by debugfs and by QMP" \
            "$(cat "$debugfs"-*/vcpu$vcpu/tsc-offset)" \
            "$(lab_json ".return.vcpus[$vcpu].offset" <<<"$reply")"
    done
fi

# A machine's own kernel may forbid what trace-cmd sets at its start.
if [ "$LAB_FORM" = nested ]; then
    trace-cmd record -q -o host.dat -C x86-tsc -e sched -e kvm sleep 1
    trace-cmd report -i host.dat >host.txt
    lab_assert "trace-cmd records scheduling" grep -q sched_switch host.txt
    lab_assert "trace-cmd records KVM" grep -q kvm_entry host.txt
    rm host.txt
fi
