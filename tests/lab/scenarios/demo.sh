# SPDX-License-Identifier: GPL-2.0-or-later
#
# The demo: a KVM guest with two vCPUs runs a small periodic load; guest and
# host are recorded together with one command.  Meanwhile a host task named
# backup-job takes one vCPU's CPU for a while: demo.after asks why the guest
# was late.

. "$LAB_LIB/product.sh"

vcpu_thread()
{
    lab_qmp vm1 '{"execute": "query-cpus-fast"}' |
        lab_json ".return[$1].thread-id"
}

plant_spike()
{
    product_await_recording
    sleep 1
    /tmp/backup-job hog 1 80 400
}

lab_start_guest vm1
cp /usr/bin/lab-spike /tmp/backup-job
for vcpu in 0 1; do
    taskset -p $((1 << vcpu)) "$(vcpu_thread $vcpu)" >/dev/null
done
plant_spike &
planter=$!
product_record vm1 -- lab-load 4
wait $planter
