# SPDX-License-Identifier: GPL-2.0-or-later
#
# What goes wrong with domains of libvirt: one clear sentence each, and nothing
# is left.  Flat form.

. "$LAB_LIB/product.sh"
. "$LAB_LIB/libvirt.sh"

# expect_failure WHAT PATTERN ARGS...
expect_failure()
{
    local what=$1 pattern=$2 status=0
    shift 2
    rm -rf sessions
    mkdir sessions
    qemu-trace-merge --output-dir sessions "$@" >record.out 2>record.log ||
        status=$?
    product_expect_failure "$what" "$pattern" $status
}

expect_as_before()
{
    virt_is_as_before vm1 ||
        lab_fail "$1: something was left: $(diff state.before state.after)"
}

# in_mid_recording COMMAND...: in the background, once the guest's events come
# in from the recording that is begun next
in_mid_recording()
{
    rm -rf sessions record.log
    (
        product_await_recording
        lab_wait_for 60 eval '[ -s sessions/*Z/vm1.stream ]' 2>/dev/null
        sleep 1
        "$@"
    ) &
}

# signal_agent SIGNAL: to the agent that libvirt talks to, by its port.
signal_agent()
{
    virt_signal vm1 "$1" "^[^ ]*qemu-ga .*-p /dev/$(virt_agent_port vm1) "
}

expect_failure "no libvirt there" 'cannot reach libvirt at .*is libvirtd' \
    --connect qemu:///nowhere --domain vm1
virt_start
virt_domain vm1 patched
virt_state vm1 >state.before

expect_failure "an unknown domain" "knows no domain 'vm9'.*virsh list" \
    --domain vm9
sed 's/>vm1</>off</' vm1.xml >off.xml
virsh -q define off.xml
virt_domains+=(off)
expect_failure "a domain that is shut off" "does not run; 'virsh start off'" \
    --domain off
virsh -q undefine off
sed -e 's/>vm1</>bare</' -e '/guest_agent/s/guest_agent/other/' \
    -e "s|$virt_dir/vm1.lab|$virt_dir/bare.lab|" \
    -e "s|/vm1.log'|/bare.log'|" -e 's/>512</>128</' vm1.xml >bare.xml
virsh -q define bare.xml
virt_domains+=(bare)
virsh -q start bare
expect_failure "no agent configured" \
    "domain 'bare' has no guest agent: give it the channel" --domain bare
virsh -q destroy bare
virsh -q undefine bare
virsh -q suspend vm1
expect_failure "a paused domain" "is paused.*'virsh resume vm1'" --domain vm1
virsh -q resume vm1
expect_failure "a program that is not there" "cannot run '/no/such'" \
    --domain vm1 -- /no/such
expect_failure "an event that is not there" "nosuch" --domain vm1 \
    --duration 1 -E nosuch:event
expect_as_before "after refusals"

# Two at once on one domain.
mkdir -p first
qemu-trace-merge --output-dir first --domain vm1 --duration 6 \
    >first.out 2>first.log &
first=$!
lab_wait_for 60 grep -q '^Recording to' first.log
expect_failure "a second recording of the same domain" \
    "is being recorded (already|by another)" --domain vm1 --duration 1
wait $first || lab_fail "the first recording fails: $(cat first.log)"
expect_as_before "after two at once"

# The agent's process is gone.
signal_agent STOP
expect_failure "an agent that does not run" "agent of domain 'vm1' does not" \
    --domain vm1 --duration 1
signal_agent CONT
lab_wait_for 60 virt_agent vm1 guest-ping >/dev/null 2>&1
expect_as_before "after an agent that did not answer"

# What an agent won't do: by its own configuration, or as the guest's security
# policy won't let it; with and without the commands for it.
port=$(virt_agent_port vm1)
for agent in stock-qemu-ga qemu-ga; do
    command=guest-trace-start
    [ $agent = qemu-ga ] || command=guest-exec
    virt_start_agent vm1 $agent "$port" -b $command
    expect_failure "$agent without $command" \
        "agent blocks $command; allow it in .*qemu-ga configuration" \
        --domain vm1 --duration 1
    virt_start_agent vm1 $agent "$port"
    virt_exec vm1 chmod a-x /usr/bin/qga-trace
    expect_failure "$agent that may not run it" \
        "qga-trace.*(Permission denied|security policy)" \
        --domain vm1 --duration 1
    virt_exec vm1 chmod a+x /usr/bin/qga-trace
done
expect_as_before "after agents that refuse"

# Somebody else reads what comes from the domain's own channel.
virt_trace_channel vm1 attach
socat -u "UNIX-CONNECT:$virt_dir/vm1.trace" - >/dev/null &
reader=$!
sleep 1
expect_failure "a channel in use" "another program may hold that socket" \
    --domain vm1 --duration 1
kill $reader
wait $reader 2>/dev/null || true
virt_trace_channel vm1 detach
expect_as_before "after a channel in use"

# It is another one afterwards, and the scenario's, not a subshell's.
restart_libvirtd()
{
    kill -9 "$virt_libvirtd"
    sleep 1
    virt_start_daemon libvirtd
    echo "$virt_libvirtd" >libvirtd.pid
}

# libvirt's daemon is killed in mid-recording, and comes back.
if [ -n "$virt_libvirtd" ]; then
    in_mid_recording restart_libvirtd
    expect_failure "a libvirtd that is killed" \
        "guest 'vm1' was cut short: libvirt's daemon has closed" \
        --domain vm1
    wait $! || lab_fail "libvirtd was not killed"
    virt_pids+=("$(cat libvirtd.pid)")
    lab_wait_for 30 virsh -q list >/dev/null 2>&1
    lab_wait_for 60 virt_agent vm1 guest-ping >/dev/null 2>&1
    expect_as_before "after libvirtd was killed"
fi

# The domain ends in mid-recording.
in_mid_recording virsh -q destroy vm1
expect_failure "a domain that is destroyed" \
    "guest 'vm1' (shut down|was cut short: the domain stopped)" \
    --domain vm1
wait $! || lab_fail "the domain was not destroyed"
lab_assert "what was recorded until then can be read" \
    qemu-trace-merge report "$(product_session)" >/dev/null
lab_assert_equal "tracefs instances" "" "$(virt_instances)"
