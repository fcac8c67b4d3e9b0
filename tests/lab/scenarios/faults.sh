# SPDX-License-Identifier: GPL-2.0-or-later
#
# What befalls the programs, files and devices of a recording.

. "$LAB_LIB/faults.sh"

kill_guest_recorder()
{
    lab_guest_exec vm1 sh -c 'kill -KILL $(pidof qga-trace)'
}

# What is open can't be removed from under a recorder; all the rest can be
# taken from it.
disturb_host()
{
    local dir
    dir=$(echo /sys/kernel/tracing/instances/qemu-trace-merge-*)
    ! rmdir "$dir" 2>/dev/null || lab_fail "the instance can be removed"
    echo 0 >"$dir/events/enable"
    echo 0 >"$dir/tracing_on"
}

set_clock()
{
    echo local >"$1/trace_clock"
}

fill_disk()
{
    dd if=/dev/zero of="$place/filler" bs=64k 2>/dev/null || true
}

plug_and_unplug()
{
    qmp vm1 '{"execute": "device_add", "arguments":
        {"driver": "virtserialport", "id": "other", "name": "other"}}'
    sleep 0.5
    qmp vm1 '{"execute": "device_del", "arguments": {"id": "other"}}'
}

start_vm1
befall "the agent is restarted" "" product_restart_agent vm1
expect_guest_as_before "the agent is restarted"

befall "the host's tracing is turned off" \
    "was turned off in .* by something else" disturb_host
expect_guest_as_before "the host's tracing is turned off"

befall "the host's clock is changed" "the host.*the trace clock of .* changed" \
    eval 'set_clock /sys/kernel/tracing/instances/qemu-trace-merge-*'
befall "the guest's clock is changed" "'vm1'.*the trace clock of .* changed" \
    lab_guest_exec vm1 sh -c \
    'echo local >/sys/kernel/tracing/instances/qga-trace/trace_clock'
expect_guest_as_before "the guest's clock is changed"

mkdir small
mount -t tmpfs -o size=200m small small
place=small afterwards='rm small/filler' \
    befall "the disk is full" "No space left|keep-free" fill_disk
umount small
expect_guest_as_before "the disk is full"

duration=60 befall "the guest's recorder is killed" \
    "nothing comes any more from the recorder in guest 'vm1'" \
    kill_guest_recorder
expect_guest_as_before "the guest's recorder is killed"

befall "another port is unplugged" "" plug_and_unplug
duration=60 befall "the port is unplugged" \
    "the trace channel of guest 'vm1' was unplugged .*org.qemu.trace.0" \
    qmp vm1 '{"execute": "device_del", "arguments": {"id": "trace-port"}}'
expect_guest_as_before "the port is unplugged"
stop_vm1
