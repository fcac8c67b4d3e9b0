# SPDX-License-Identifier: GPL-2.0-or-later
#
# The command lines of the documentation that need a domain of libvirt or a
# guest's shell, as they stand there; those that need neither are run by
# tests/cli/t0400-docs-commands.sh.  Flat form.

. "$LAB_LIB/product.sh"
. "$LAB_LIB/libvirt.sh"

source=$LAB_LIB/../..
unit=$source/host-tool/qemu-trace-merge-serve@.service.in

expect_as_before()
{
    virt_is_as_before vm1 vm2 ||
        lab_fail "$1: left: $(diff state.before state.after)"
    lab_log "ok: $1: domains, guests, tracefs and /run are as before"
}

# commands PATTERN: those that begin like that
commands()
{
    cut -f 2- commands | grep -E "^$1" | sort -u
}

in_guest()
{
    virt_exec vm1 sh -c "$1"
}

# --- qemu-trace-merge --domain ... ---

# record_documented COMMAND: one without an end is interrupted.
record_documented()
{
    local status=0
    rm -rf sessions
    mkdir sessions
    (cd sessions && eval "exec $1") >record.out 2>record.log &
    recorder=$!
    product_await_recording
    sleep 1
    [[ $1 == *--duration* || $1 == *' -- '* ]] || kill -INT $recorder
    wait $recorder || status=$?
    [ $status = 0 ] || lab_fail "'$1' ends with $status: $(cat record.log)"
    lab_assert "'$1' records" grep -q '^vm1: [1-9][0-9]* events' record.log
    # What it tells to type next.
    (cd sessions && eval "$(sed -n 's/.*; next: //p' ../record.log)") \
        >report.txt || lab_fail "$(tail -n 1 record.log) does not work"
    lab_assert "host and guest are in the report" \
        eval 'grep -q "^ *host: " report.txt && grep -q "^ *vm1: " report.txt'
}

virt_start
virt_domain vm1 patched
virt_domain vm2 stock lab.stock-agent
virt_state vm1 vm2 >state.before
"$source/tests/cli/doc-commands.py" "$source/README.md" \
    "$source/qemu-patches/README.md" "$source"/docs/*.md "$source"/docs/*.scd \
    >commands

n_run=0
while read -r command <&3; do
    record_documented "$command"
    n_run=$((n_run + 1))
done 3< <(commands 'qemu-trace-merge --domain')
lab_assert "$n_run commands with --domain" [ $n_run -ge 4 ]
expect_as_before "recording"

# --- a guest that asks; its domain has no channel for that ---

# serve: as the service runs it, with no more capabilities; $OPTIONS is the
# service's word
serve()
{
    local OPTIONS exec_start capabilities
    OPTIONS=$(sed -n 's/^\tOPTIONS=//p' \
        "$source/docs/qemu-trace-merge-serve.1.scd")
    exec_start=$(sed -n 's/^ExecStart=@bindir@.//p' "$unit")
    # CAP_CHOWN CAP_KILL becomes +chown,+kill.
    capabilities=$(sed -n 's/^CapabilityBoundingSet=//p' "$unit" |
        tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
    lab_log "$exec_start; OPTIONS=$OPTIONS; capabilities $capabilities"
    rm -f serve.log
    mkdir -p served
    eval "exec setpriv --no-new-privs --bounding-set -all,$capabilities \
        ${exec_start//\/var\/lib\/qemu-trace-merge/served}" 2>serve.log &
    server=$!
    lab_wait_for 30 grep -q 'listening for requests' serve.log ||
        lab_fail "serve does not listen: $(cat serve.log)"
}

n_served()
{
    grep -c 'next: qemu-trace-merge report' serve.log || true
}

serve
n_run=0
while read -r command <&3; do
    in_guest "$command" >asked.log 2>&1 || true
    n_run=$((n_run + 1))
    lab_wait_for 120 eval '[ "$(n_served)" = $n_run ]' ||
        lab_fail "'$command': $(cat asked.log serve.log)"
    lab_assert "'$command' is recorded" \
        grep -q 'the host keeps the recording as vm1-' asked.log
done 3< <(commands 'qga-trace' | grep -vE ' (-o|--output) ')
lab_assert "$n_run commands in the guest" [ $n_run -ge 3 ]
cat serve.log

# libvirt gives up connections that nobody looks after.
lab_log "nobody asks for a while"
sleep 45
in_guest 'qga-trace record -- sleep 1' >asked.log 2>&1 ||
    lab_fail "after a pause: $(cat asked.log serve.log)"
kill $server
wait $server || lab_fail "serve ends with status $?"
expect_as_before "serving"

serve
kill -9 $server
wait $server || true
expect_as_before "serving, killed"

# --- the agent's commands by hand ---

virt_trace_channel vm1 attach

# agent COMMAND: the answer to what the manual shows for it
agent()
{
    local line
    line=$(commands virsh | grep -F "$1") || lab_fail "no manual shows $1"
    eval "$line" | tee -a answers.json
}

# listen: somebody reads what comes, as the manual shows it
listen()
{
    local line
    line=$(commands socat)
    rm -f vm1.stream
    eval "exec ${line//\/run\/vm1.trace/$virt_dir\/vm1.trace}" &
    reader=$!
    lab_wait_for 10 test -e vm1.stream
}

# expect_stream BYTES: all of it came
expect_stream()
{
    lab_wait_for 30 eval '[ "$(stat -c %s vm1.stream)" = "'"$1"'" ]' ||
        lab_fail "of $1 bytes $(stat -c %s vm1.stream) came"
    lab_assert_equal "the stream's first bytes" QTF1 "$(head -c 4 vm1.stream)"
    kill $reader
    wait $reader 2>/dev/null || true
}

state_of()
{
    lab_json .return.state
}

lab_assert_equal "before" finished "$(agent guest-trace-status | state_of)"
if agent guest-trace-start 2>refused.txt; then
    lab_fail "it records for nobody"
fi
lab_assert "it says what is missing" grep -q 'nobody listens' refused.txt

listen
lab_assert_equal "after the start" recording \
    "$(agent guest-trace-start | state_of)"
if agent guest-trace-start 2>refused.txt; then
    lab_fail "it records twice"
fi
lab_assert "a second start is refused" grep -q 'runs already' refused.txt
sleep 2
lab_assert_equal "in between" recording "$(agent guest-trace-status | state_of)"
agent guest-trace-stop >stopped.json
lab_assert_equal "after the stop" finished "$(state_of <stopped.json)"
expect_stream "$(lab_json '.return.bytes-sent' <stopped.json)"

# The same with an agent that knows nothing of it.
listen
pid=$(agent guest-exec | lab_json .return.pid)
lab_wait_for 30 eval 'virsh qemu-agent-command vm1 \
    "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":$pid}}" \
    >exec.json && [ "$(lab_json .return.exited <exec.json)" = true ]'
lab_assert_equal "what guest-exec tells" recording \
    "$(lab_json '.return.out-data' <exec.json | base64 -d | lab_json .state)"
agent guest-trace-stop >stopped.json
expect_stream "$(lab_json '.return.bytes-sent' <stopped.json)"
virt_trace_channel vm1 detach
expect_as_before "by hand"

# --- what QEMU itself tells ---

agent query-vcpu-tsc-offset >offsets.json
lab_assert_equal "vCPU 1's APIC id" 1 \
    "$(lab_json '.return.vcpus[1].apic-id' <offsets.json)"
