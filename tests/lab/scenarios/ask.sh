# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that asks: qga-trace record in the guest makes the host record, too,
# and what made cyclictest stop is on the merged timeline.  Then each process
# is killed in turn, and nothing is left behind.

. "$LAB_LIB/product.sh"

# serve [OPTION...]: in the background, for vm1; its log is serve.log
serve()
{
    local dir=$LAB_DIR/vm1
    rm -rf sessions serve.log
    mkdir sessions
    qemu-trace-merge serve --name vm1 --qmp "$dir/qmp.sock" \
        --qga "$dir/qga.sock" --trace "$dir/trace.sock" \
        --output-dir sessions "$@" 2>serve.log &
    server=$!
    lab_wait_for 30 grep -q 'listening for requests' serve.log
}

end_serve()
{
    kill "$server"
    wait "$server" || lab_fail "serve ended with status $?"
    cat serve.log
}

# Whatever is left in the background is done with it by then.
expect_nothing_left()
{
    lab_wait_for 60 nothing_left || {
        lab_log "host: expected $state_before, got $(host_state)"
        lab_log "guest: expected $guest_state_before, got $(guest_state)"
        lab_fail "$1: something was left"
    }
    lab_log "ok: $1: nothing is left"
}

host_state()
{
    product_tracing_state
    # But for the one that serves, and its guardian.
    ps -eo pid,ppid,comm | awk -v server="${server:-0}" '
        $3 == "qemu-trace-merg" && $1 != server ||
        $3 == "trace-guardian" && $2 != server { print $3 }'
    ls /run
}

guest_state()
{
    product_guest_tracing_state vm1
    lab_guest_exec vm1 sh -c "ps | grep -c '[c]yclictest\\|[q]ga-trac' || true"
}

nothing_left()
{
    [ "$(host_state)" = "$state_before" ] &&
        [ "$(guest_state)" = "$guest_state_before" ]
}

server=
in_guest()
{
    lab_guest_exec vm1 "$@"
}

lab_start_guest vm1 --smp 2
# What qga-trace keeps for the next one.
in_guest qga-trace status >/dev/null
state_before=$(host_state)
guest_state_before=$(guest_state)

# Refused, where nobody allowed it.
serve
status=0
in_guest qga-trace record -- true >refused.log 2>&1 || status=$?
cat refused.log
lab_assert "a request is refused by default" [ $status -ne 0 ]
grep -q 'the host refuses' refused.log || lab_fail "$(cat refused.log)"
end_serve

# The real thing.
serve --allow default
in_guest qga-trace record -- \
    cyclictest -q -m -p 80 -i 1000 -b 400 -D 60 >asked.log 2>&1 || true
cat asked.log
lab_wait_for 120 grep -q 'next: qemu-trace-merge report' serve.log
session=$(product_session)
lab_assert "cyclictest met its threshold" grep -q 'Break value' asked.log
lab_assert "the guest knows the recording's name" \
    grep -q "keeps the recording as ${session#*/}" asked.log
qemu-trace-merge report "$session" >report.txt
lab_assert "cyclictest is on the timeline" \
    grep -q 'vm1: .*sched_switch:.*cyclictest' report.txt
lab_assert "the host is on the timeline" grep -q 'host: .*kvm_entry' report.txt
qemu-trace-merge check "$session" >check.txt || {
    cat check.txt
    lab_fail "the clocks do not match"
}
cat check.txt
tid=$(sed -n 's/.*Break thread: *\([0-9]*\).*/\1/p' asked.log)
value=$(sed -n 's/.*Break value: *\([0-9]*\).*/\1/p' asked.log)
# What the report shows of that: when its timer was due, when it expired, when
# the thread was woken, and when it ran.  That is what cyclictest measured, but
# for its own way to the clock.
grep 'vm1: ' report.txt | awk '
    function field(name) {
        if (!match($0, " " name "=[^ ]*"))
            return ""
        return substr($0, RSTART + length(name) + 2,
            RLENGTH - length(name) - 2)
    }
    { time = $5; sub(/:$/, "", time) }
    /hrtimer_start:/ { due[field("hrtimer")] = field("expires") }
    /hrtimer_expire_entry:/ { late[$3] = field("now") - due[field("hrtimer")] }
    /hrtimer_expire_exit:/ { delete late[$3] }
    function tell(run) {
        printf "%.0f us: timer %.0f, to run %.0f\n", timer_late + run,
            timer_late, run
        waking = 0
    }
    /sched_waking:/ && / pid='"$tid"' / && $3 in late {
        waking = time
        timer_late = late[$3] / 1e3
        # It was only about to sleep.
        if ($2 ~ /-'"$tid"'$/)
            tell(0)
    }
    /sched_switch:/ && / ==> [^ ]*:'"$tid"' / && waking {
        tell(1e6 * (time - waking))
    }' | sort -n | tail -n 1 >spike.txt
lab_log "cyclictest was late by $value us; on the timeline: $(cat spike.txt)"
spike=$(sed 's/ us.*//' spike.txt)
lab_assert "the spike is on the timeline" [ "$spike" -gt 0 ]
lab_assert "it is no longer there than it was" [ "$spike" -le "$value" ]
qemu-trace-merge explain "$session" >explain.txt || true
head -40 explain.txt
expect_nothing_left "a recording that was asked for"

# The same as a flight recording.
in_guest qga-trace record --snapshot -- \
    cyclictest -q -m -p 80 -i 1000 -b 400 -D 60 >asked.log 2>&1 || true
cat asked.log
lab_wait_for 120 sh -c \
    '[ "$(grep -c "next: qemu-trace-merge report" serve.log)" = 2 ]'
session=$(ls -d sessions/*Z | tail -1)
lab_assert "the skew of the freeze is told" \
    grep -Eq 'frozen as the command ended, [0-9.]+ us before the host' serve.log
qemu-trace-merge check "$session" || lab_fail "the clocks do not match"
expect_nothing_left "a flight recording that was asked for"

# Killed in turn.  The asker is in the background of the guest: the lab's agent
# runs one program at a time.
ask_and_kill()
{
    local what=$1 kill=$2
    in_guest sh -c 'rm -f /tmp/asked.*
        (qga-trace record -- cyclictest -q -m -p 80 -i 20000 -D 60
         echo $? >/tmp/asked.status) >/tmp/asked.log 2>&1 </dev/null &'
    lab_wait_for 60 in_guest pidof cyclictest >/dev/null ||
        lab_fail "nobody records: $(cat serve.log)"
    sleep 1
    $kill
    lab_log "killed: $what"
    in_guest killall cyclictest 2>/dev/null || true
    lab_wait_for 120 in_guest test -e /tmp/asked.status ||
        lab_fail "$what killed: qga-trace record does not end"
    in_guest sh -c 'tail -n 3 /tmp/asked.log; cat /tmp/asked.status'
}

kill_recorder()
{
    in_guest sh -c 'kill -9 $(pidof qga-trace | tr " " "\n" | sort -n | head -1)'
}

kill_guard()
{
    in_guest sh -c 'kill -9 $(ps -o pid,comm |
        awk "\$2 == \"qga-trace-guard\" { print \$1 }")'
}

kill_command()
{
    in_guest killall -9 cyclictest
}

kill_host_recorder()
{
    kill -9 "$(product_children "$server" qemu-trace-merg)"
}

kill_server()
{
    kill -9 "$server"
}

for process in recorder guard command host_recorder server; do
    ask_and_kill "$process" "kill_$process"
    if [ $process = server ]; then
        wait "$server" || true
        server=
    else
        lab_wait_for 90 eval \
            '[ -z "$(product_children "$server" qemu-trace-merg)" ]'
    fi
    [ -n "$server" ] || serve --allow default
    expect_nothing_left "$process killed"
done
kill "$server"
wait "$server" || true
cat serve.log
