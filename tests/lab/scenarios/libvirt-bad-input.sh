# SPDX-License-Identifier: GPL-2.0-or-later
#
# What goes wrong with domains of libvirt: one clear sentence each, and nothing
# is left.  Flat form.

. "$LAB_LIB/product.sh"
. "$LAB_LIB/libvirt.sh"

[ "$LAB_FORM" = flat ] || lab_skip "libvirt is only on this machine"

# expect_failure WHAT PATTERN ARGS...
expect_failure()
{
    local what=$1 pattern=$2 status=0
    shift 2
    rm -rf sessions
    mkdir sessions
    qemu-trace-merge --output-dir sessions "$@" >record.out 2>record.log ||
        status=$?
    lab_assert "$what: it fails" [ $status -ne 0 ]
    lab_assert_equal "$what: sentences" 1 \
        "$(grep -c '^qemu-trace-merge record: ' record.log)"
    grep -qE "$pattern" record.log ||
        lab_fail "$what: expected '$pattern', got '$(cat record.log)'"
    lab_log "ok: $what: $(grep '^qemu-trace-merge' record.log)"
}

expect_as_before()
{
    virt_state vm1 >state.after
    diff state.before state.after >state.diff ||
        lab_fail "$1: something was left: $(cat state.diff)"
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

# libvirt's daemon is killed in mid-recording, and comes back.
if [ -n "$virt_libvirtd" ]; then
    (
        lab_wait_for 60 grep -q '^Recording to' record.log
        sleep 1
        kill -9 "$virt_libvirtd"
        sleep 1
        virt_start_daemon libvirtd
        # It stays this scenario's, not this subshell's.
        echo "$virt_libvirtd" >libvirtd.pid
    ) &
    expect_failure "a libvirtd that is killed" "daemon closed the connection" \
        --domain vm1
    wait $! || true
    virt_pids+=("$(cat libvirtd.pid)")
    lab_wait_for 30 virsh -q list >/dev/null 2>&1
    lab_wait_for 60 virt_agent vm1 guest-ping >/dev/null 2>&1
    lab_wait_for 30 eval 'virt_state vm1 >state.after;
        cmp -s state.before state.after' || true
    expect_as_before "after libvirtd was killed"
fi

# The domain ends in mid-recording.
(
    lab_wait_for 60 grep -q '^Recording to' record.log
    sleep 1
    virsh -q destroy vm1
) &
expect_failure "a domain that is destroyed" "guest 'vm1' (shut down|is gone)" \
    --domain vm1
wait $! || true
lab_assert "what was recorded until then can be read" \
    qemu-trace-merge report "$(product_session)" >/dev/null
lab_assert_equal "tracefs instances" "" "$(ls /sys/kernel/tracing/instances)"
