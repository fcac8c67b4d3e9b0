# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest without a trace channel, recorded by its sockets, and all that this
# must leave as it was; sourced by scenarios.

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

# bare_guest [OPTION...]: boots vm1 and takes its trace channel out.
bare_guest()
{
    lab_start_guest vm1 "$@"
    lab_qmp vm1 '{"execute": "device_del", "arguments": {"id": "trace-port"}}' \
        >/dev/null
    lab_wait_for 10 eval '! lab_guest_exec vm1 sh -c \
        "cat /sys/class/virtio-ports/*/name" | grep -q org.qemu.trace.0' ||
        lab_fail "the trace port does not go"
    state >state.before
}
