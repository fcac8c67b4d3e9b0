# SPDX-License-Identifier: GPL-2.0-or-later
#
# Three levels: this host, L1, is itself recorded as a guest of the machine
# that runs it (three-levels.beside), while it records a guest of its own.
# First a task of L1's takes the CPU of the guest's vCPUs, then one of that
# machine's takes it from L1.
#
# L1 has one CPU: with more, TCG's clock creeps a little whenever two of them
# read it at once.

. "$LAB_LIB/product.sh"

# port NAME: the device of this machine's virtio port.
port()
{
    local name
    name=$(grep -lx "$1" /sys/class/virtio-ports/*/name)
    name=${name%/name}
    echo "/dev/${name##*/}"
}

start_agent()
{
    mkdir /run/agent
    qemu-ga -m virtio-serial -p "$(port org.qemu.guest_agent.0)" \
        -t /run/agent -f /run/agent/pid -l /run/agent/log </dev/null &
}

# await_beside WORD: until three-levels.beside says so.
await_beside()
{
    local word
    read -r word <&9
    lab_assert_equal "beside" "$1" "$word"
}

lab_start_guest vm1 --smp 2
cp /usr/bin/lab-spike /tmp/l1-hog
exec 9<"$(port lab.beside)"
start_agent
lab_log "ready to be recorded"
await_beside recording

mkdir sessions
qemu-trace-merge record --name vm1 --qmp "$LAB_DIR/vm1/qmp.sock" \
    --qga "$LAB_DIR/vm1/qga.sock" --trace "$LAB_DIR/vm1/trace.sock" \
    --output-dir sessions --buffer-size 16384 -- lab-load 300 5000 \
    >record.log 2>&1 &
recorder=$!
product_await_recording
sleep 1
/tmp/l1-hog hog 0 80 500
sleep 1
lab_log "it is the outer host's turn"
await_beside planted
sleep 1
kill -INT $recorder
wait $recorder || true
cat record.log
[ -e "$(product_session)/vm1.dat" ] || lab_fail "there is no recording"
lab_log "the inner recording is over"
await_beside recorded
lab_log "it was recorded on the outside, too"
