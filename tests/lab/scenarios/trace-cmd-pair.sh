# SPDX-License-Identifier: GPL-2.0-or-later
#
# A host and a guest that trace-cmd recorded together, over vsock.
# trace-cmd-pair.after compares how they are merged.

modprobe vhost_vsock
lab_start_guest vm1 --smp 2 -device vhost-vsock-pci,guest-cid=3
lab_guest_exec vm1 sh -c 'trace-cmd agent </dev/null >/tmp/agent.log 2>&1 &'

record_pair()
{
    trace-cmd record -q -o host.dat -e kvm -e sched -e irq -A 3:823 \
        -e sched -e irq sleep 2 >record.log 2>&1
}
lab_wait_for 120 record_pair || lab_fail "trace-cmd: $(tail -n 5 record.log)"
lab_assert "trace-cmd left the guest's file" [ -s host-3.dat ]
