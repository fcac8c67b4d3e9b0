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

# product_signal_agent NAME SIGNAL: the product's agent in the guest, not the
# lab's.
product_signal_agent()
{
    lab_guest_exec "$1" sh -c "
        for port in /sys/class/virtio-ports/*; do
            [ \$(cat \$port/name) = org.qemu.guest_agent.0 ] || continue
            for pid in \$(pidof qemu-ga); do
                if grep -q /dev/\${port##*/} /proc/\$pid/cmdline; then
                    kill -$2 \$pid
                fi
            done
        done"
}

# product_restart_agent NAME: the one that runs, if any, is killed.
product_restart_agent()
{
    product_signal_agent "$1" KILL
    lab_guest_exec "$1" sh -c '
        for dir in /sys/class/virtio-ports/*; do
            [ "$(cat "$dir/name")" = org.qemu.guest_agent.0 ] || continue
            dev=${dir##*/}
            rm -f /run/agent-$dev/pid
            qemu-ga -m virtio-serial -p /dev/$dev -t /run/agent-$dev \
                -f /run/agent-$dev/pid </dev/null >/dev/null 2>&1 &
        done'
}

# product_start_marks NAME [SECONDS]: from now on numbered marks are left in
# each recording of the host and of the guest, so far apart, each by one CPU: of
# those none may be missing. Their counts go to marks-host, and to /tmp/marks in
# the guest.
product_start_marks()
{
    local seconds=${2:-0.05}
    product_stop_marks
    product__mark $seconds 'qemu-trace-merge-*' marks-host >mark.sh
    taskset 1 bash mark.sh 2>/dev/null &
    product__marker=$!
    # In a file, so that it doesn't look like a recorder.
    lab_guest_exec "$1" sh -c "
        cat >/tmp/mark.sh <<'END'
$(product__mark $seconds qga-trace /tmp/marks)
END
        echo 0 >/tmp/marks
        taskset 1 sh /tmp/mark.sh >/dev/null 2>&1 </dev/null &"
}

# Doesn't hold a file open: that would keep an instance from being removed.
product__mark()
{
    cat <<END
number=0
while sleep $1; do
    for file in /sys/kernel/tracing/instances/$2/trace_marker; do
        echo "mark \$number" >"\$file" || continue
        number=\$((number + 1))
        echo \$number >$3
    done
done
END
}

# Those of a guest end with it.
product_stop_marks()
{
    [ -z "${product__marker:-}" ] || kill "$product__marker" || true
    product__marker=
}

# product_marks MACHINE: the numbers of those in $session.
product_marks()
{
    # By its file alone: the proof of synchronisation takes its time.
    qemu-trace-merge report -i "$session/$1.dat" --event print |
        sed -n 's/.* mark \([0-9]*\)$/\1/p'
}

# product_expect_marks WHAT MACHINE [COUNT]: no mark is missing between the
# first and the last in $session; of COUNT so far, the last is there, too.
product_expect_marks()
{
    local first last
    product_marks "$2" >marks.txt
    [ -s marks.txt ] || lab_fail "$1: $2 has no marks"
    first=$(head -n 1 marks.txt) last=$(tail -n 1 marks.txt)
    lab_assert_equal "$1: marks of $2 between $first and $last" \
        $((last - first + 1)) "$(wc -l <marks.txt)"
    [ -z "${3:-}" ] ||
        lab_assert_equal "$1: the last mark of $2" $(($3 - 1)) "$last"
    rm marks.txt
}

# product_expect_failure WHAT PATTERN STATUS: a recording that ended with STATUS
# has failed, and record.log has one sentence about it, which PATTERN matches.
product_expect_failure()
{
    local sentences
    sentences=$(grep '^qemu-trace-merge' record.log) || true
    lab_assert "$1: it fails" [ "$3" -ne 0 ]
    lab_assert_equal "$1: sentences" 1 \
        "$(grep -c '^qemu-trace-merge' record.log)"
    grep -qE "$2" <<<"$sentences" ||
        lab_fail "$1: expected '$2', got '$(cat record.log)'"
    lab_log "ok: $1: $sentences"
}
