# SPDX-License-Identifier: GPL-2.0-or-later
#
# A KVM guest as most are: more vCPUs than the host has CPUs, nothing pinned,
# no trace channel, a QEMU that is asked for nothing.  everyday.after checks
# what was recorded.

. "$LAB_LIB/product.sh"

# record_as NAME ARGS...: a session in NAME/
record_as()
{
    local name=$1 dir=$LAB_DIR/vm1
    shift
    rm -rf "$name"
    mkdir "$name"
    qemu-trace-merge --name vm1 --qmp "$dir/qmp.sock" --qga "$dir/qga.sock" \
        --output-dir "$name" "$@" >"$name/log" 2>&1 ||
        { cat "$name/log"; lab_fail "$name: the recording fails"; }
    cat "$name/log"
}

vcpu_threads()
{
    grep -l '^CPU ' /proc/"$(lab_guest_pid vm1)"/task/*/comm |
        sed 's|.*/task/\([0-9]*\)/comm|\1|'
}

# What the recording must leave as it was: tracing, ports, files.
state()
{
    product_tracing_state
    product_guest_tracing_state vm1
    lab_guest_exec vm1 sh -c 'cat /sys/class/virtio-ports/*/name | sort;
        ls /tmp /var/tmp /root'
    lab_qmp vm1 '{"execute": "query-chardev"}' | grep -oE '"label": *"[^"]*"' |
        sort
}

expect_as_before()
{
    state >state.after
    diff state.before state.after >state.diff ||
        lab_fail "$1: something was left: $(cat state.diff)"
    lab_log "ok: $1: all is as before"
}

lab_start_guest vm1 --smp 4
# It has no trace channel.
lab_qmp vm1 '{"execute": "device_del", "arguments": {"id": "trace-port"}}' \
    >/dev/null
lab_wait_for 10 eval '! lab_guest_exec vm1 sh -c \
    "cat /sys/class/virtio-ports/*/name" | grep -q org.qemu.trace.0' ||
    lab_fail "the trace port does not go"
state >state.before

record_as unpinned --offsets debugfs -- lab-load 4 500
lab_assert "that nothing is pinned is said" grep -q 'not pinned' unpinned/log
lab_assert "where the offsets are from is said" grep -q '(debugfs)' unpinned/log
expect_as_before "unpinned"

record_as inferred --offsets inferred -- lab-load 3 500
lab_assert "the bound is said" \
    grep -qE 'inferred, error up to [0-9]+' inferred/log
expect_as_before "inferred"

record_as pulled --pull --push-recorder -- lab-load 2 500
lab_assert "that it is slow is said" grep -q 'through the agent' pulled/log
expect_as_before "pulled"

for tid in $(vcpu_threads); do
    taskset -p 2 "$tid" >/dev/null
done
record_as pinned -- lab-load 2 500
lab_assert "that all are pinned is said" \
    grep -q 'CPUs 1 are recorded: the vCPUs are pinned' pinned/log
expect_as_before "pinned"

# kill -9 of the recording, and of the host's recorder.
mkdir killed
qemu-trace-merge --name vm1 --qmp "$LAB_DIR/vm1/qmp.sock" \
    --qga "$LAB_DIR/vm1/qga.sock" --output-dir killed --push-recorder \
    >killed/log 2>&1 &
recorder=$!
lab_wait_for 60 grep -q '^Recording to' killed/log
kill -9 $recorder
wait $recorder 2>/dev/null || true
lab_wait_for 40 eval 'state >state.after; cmp -s state.before state.after' ||
    true
expect_as_before "killed"
