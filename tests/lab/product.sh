# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the scenarios that run the product share; sourced by them.

# product_record NAME [OPTION...]: records guest NAME into a new session below
# the results, and leaves its directory in $session.
product_record()
{
    local name=$1 dir=$LAB_DIR/$1
    shift
    rm -rf sessions record.log
    mkdir sessions
    qemu-trace-merge record --name "$name" --qmp "$dir/qmp.sock" \
        --qga "$dir/qga.sock" --trace "$dir/trace.sock" \
        --output-dir sessions "$@" 2>&1 | tee record.log || return
    session=$(product_session)
}

# product_await_recording: until product_record, elsewhere, has begun.
product_await_recording()
{
    lab_wait_for 60 grep -q '^Recording to' record.log 2>/dev/null ||
        lab_fail "no recording began"
}

# The one session that was recorded last.
product_session()
{
    echo sessions/*Z
}

# product_children PID NAME: the processes called NAME that PID has started.
product_children()
{
    ps -eo pid,ppid,comm | awk -v parent="$1" -v name="$2" \
        '$2 == parent && $3 == name { print $1 }'
}

# product_value KEY <LINE: the number after KEY= in a line of `check`.
product_value()
{
    sed -n "s/.*\\b$1=\\([0-9]*\\).*/\\1/p"
}

# product_tracing_state: what a recording must leave as it found it.
product_tracing_state()
{
    ls /sys/kernel/tracing/instances
    cat /sys/kernel/tracing/trace_clock /sys/kernel/tracing/set_event \
        /sys/kernel/tracing/current_tracer /sys/kernel/tracing/tracing_on
}

product_guest_tracing_state()
{
    lab_guest_exec "$1" sh -c 'ls /sys/kernel/tracing/instances;
        cd /sys/kernel/tracing;
        cat trace_clock set_event current_tracer tracing_on;
        ps | grep "[q]ga-trace" || true'
}

# product_segments SESSION VCPU: how many clocks the guest's vCPU had.
product_segments()
{
    local n=0
    while lab_json ".machines[1].vcpus[$2].segments[$n].ratio" \
            <"$1/session.json" >/dev/null 2>&1; do
        n=$((n + 1))
    done
    echo $n
}
