# SPDX-License-Identifier: GPL-2.0-or-later
#
# What query-vcpu-tsc-offset says against what KVM says: its debugfs, and each
# write of an offset in its trace, for all the ways in which an offset can
# change; tsc-offset.after compares.

trace=/sys/kernel/tracing
echo x86-tsc >$trace/trace_clock
echo 16384 >$trace/buffer_size_kb
echo 1 >$trace/events/kvm/kvm_write_tsc_offset/enable

# observe NAME LABEL [ARGUMENTS]: keeps QEMU's answer, and what debugfs shows.
observe()
{
    local pid file
    pid=$(lab_guest_pid "$1")
    lab_qmp "$1" "{\"execute\": \"query-vcpu-tsc-offset\",
                   \"arguments\": {${3:-}}}" >"$2.json"
    for file in /sys/kernel/debug/kvm/"$pid"-*/vcpu*/tsc-offset; do
        [ -e "$file" ] || continue # TCG
        echo "$(basename "$(dirname "$file")") $(cat "$file")"
    done >"$2.debugfs"
    lab_log "observed: $2"
}

qmp()
{
    lab_qmp "$@" >/dev/null
}

hmp()
{
    qmp "$1" "{\"execute\": \"human-monitor-command\",
               \"arguments\": {\"command-line\": \"$2\"}}"
}

# Waits for a job and forgets it.
job()
{
    local name=$1 id=$2
    lab_wait_for 30 sh -c "lab-talk qmp $LAB_DIR/$name/qmp2.sock \
        '{\"execute\": \"query-jobs\"}' | grep -q concluded" ||
        lab_fail "job $id of $name does not end"
    qmp "$name" "{\"execute\": \"job-dismiss\", \"arguments\": {\"id\": \"$id\"}}"
}

# Snapshots need a place in a block device that can keep them.
add_snapshot_disk()
{
    local name=$1 file=$LAB_DIR/$1/disk
    qmp "$name" "{\"execute\": \"blockdev-create\", \"arguments\": {
        \"job-id\": \"file\", \"options\": {\"driver\": \"file\",
        \"filename\": \"$file\", \"size\": 0}}}"
    job "$name" file
    qmp "$name" "{\"execute\": \"blockdev-add\", \"arguments\": {
        \"driver\": \"file\", \"node-name\": \"file\", \"filename\": \"$file\"}}"
    qmp "$name" '{"execute": "blockdev-create", "arguments": {
        "job-id": "disk", "options": {"driver": "qcow2", "file": "file",
        "size": 1048576}}}'
    job "$name" disk
    qmp "$name" '{"execute": "blockdev-add", "arguments": {
        "driver": "qcow2", "node-name": "disk", "file": "file"}}'
}

#
# Topologies
#
lab_start_machine one kvm host -smp 1
observe one one
lab_stop_guest one

lab_start_machine eight kvm host -smp 8
observe eight eight
lab_stop_guest eight

lab_start_machine odd kvm host -smp 6,sockets=2,cores=3
observe odd odd
lab_stop_guest odd

for smp in 1 2 8 6,sockets=2,cores=3; do
    lab_start_machine tcg tcg max -smp "$smp"
    observe tcg "tcg-${smp%%,*}"
    lab_stop_guest tcg
done

#
# Hotplug, reset, snapshot, migration: QEMU's own doing
#
# plug ACCEL CPU LABEL
plug()
{
    lab_start_machine plug "$1" "$2" -smp 4,sockets=2,cores=3,maxcpus=6
    observe plug "$3-before"
    qmp plug "{\"execute\": \"device_add\", \"arguments\": {
        \"driver\": \"$2-x86_64-cpu\", \"id\": \"plugged\", \"socket-id\": 1,
        \"core-id\": 2, \"thread-id\": 0}}"
    observe plug "$3-after"
    lab_stop_guest plug
}
plug kvm host plug
plug tcg max tcg-plug

lab_start_machine source kvm host -smp 2
observe source reset-before
qmp source '{"execute": "system_reset"}'
sleep 1
observe source reset-after

add_snapshot_disk source
hmp source 'savevm one'
sleep 1
observe source loadvm-before
qmp source '{"execute": "stop"}'
hmp source 'loadvm one'
qmp source '{"execute": "cont"}'
observe source loadvm-after

qmp source '{"execute": "blockdev-del", "arguments": {"node-name": "disk"}}'
qmp source '{"execute": "blockdev-del", "arguments": {"node-name": "file"}}'
lab_start_machine target kvm host -smp 2 -incoming "unix:$LAB_DIR/migration"
observe source migration-before
qmp source "{\"execute\": \"migrate\",
             \"arguments\": {\"uri\": \"unix:$LAB_DIR/migration\"}}"
lab_wait_for 60 sh -c "lab-talk qmp $LAB_DIR/target/qmp2.sock \
    '{\"execute\": \"query-status\"}' | grep -q '\"running\": *true'" ||
    lab_fail "the migration does not end"
observe target migration-after
lab_stop_guest source
lab_stop_guest target

#
# A guest that writes its own TSC
#
# A guest that trusts its TSC would put it right again.
lab_start_guest vm1 --smp 2 --append tsc=unstable
observe vm1 write-before
lab_guest_exec vm1 sh -c 'wrmsr -p 0 0x10 $(($(rdmsr -d -p 0 0x10) + 700000000))'
lab_guest_exec vm1 sh -c 'wrmsr -p 1 0x3b $(($(rdmsr -d -p 1 0x3b) + 123456789))'
observe vm1 write-unseen
observe vm1 write-refreshed '"refresh": true'
lab_guest_exec vm1 sh -c 'wrmsr -p 1 0x3b $(($(rdmsr -d -p 1 0x3b) + 987654321))'
qmp vm1 '{"execute": "stop"}'
observe vm1 write-stopped
qmp vm1 '{"execute": "cont"}'
lab_qmp vm1 '{"execute": "human-monitor-command",
              "arguments": {"command-line": "info vcpu-tsc"}}' |
    lab_json .return | tee hmp.txt
lab_stop_guest vm1

#
# Other KVMs than the lab's
#
khz=$(lab_json '.return.host.tsc-khz' <one.json)
near=$((khz + khz / 10000))
far=$((khz / 2 * 3))
near_ratio=$(((near << 32) / khz))
far_ratio=$(((far << 32) / khz))
echo "khz=$khz near=$near far=$far near_ratio=$near_ratio far_ratio=$far_ratio" \
    >frequencies

# fake LABEL WORDS: a machine that sees another KVM; see lab-fake-kvm.c.
fake()
{
    LD_PRELOAD=/usr/bin/lab-fake-kvm.so LAB_FAKE_KVM=$2 \
        lab_start_machine "$1" kvm host -smp 1
    if [ "${3:-}" = fails ]; then
        lab-talk qmp "$LAB_DIR/$1/qmp2.sock" \
            '{"execute": "query-vcpu-tsc-offset"}' >"$1.json" || true
    else
        observe "$1" "$1"
    fi
    lab_stop_guest "$1"
}

# The real KVM takes a frequency that is near enough, and doesn't scale.
lab_start_machine near kvm "host,tsc-frequency=${near}000" -smp 1
observe near near
lab_stop_guest near

fake old "no-offset no-vm-khz"
fake old-scaled "no-offset scaling=32 khz=$far ratio=$far_ratio"
fake near-unscaled "scaling=32 khz=$near"
fake near-scaled "scaling=32 khz=$near ratio=$near_ratio"
fake far-scaled "scaling=32 khz=$far ratio=$far_ratio"
fake far-told "scaling=48 khz=$far ratio=$((far_ratio << 16)) scale-attribute"
fake catchup "no-scaling khz=$far" fails
fake nonsense "skew=1000000000" fails

cat $trace/trace >trace.txt
