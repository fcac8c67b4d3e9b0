# SPDX-License-Identifier: GPL-2.0-or-later
#
# Domains of a real libvirt that nobody prepared: a stock QEMU and agent, the
# patched ones, one without a recorder; alone and together.  Nothing is left in
# domain, guest, tracefs or /run.  Flat form.

. "$LAB_LIB/product.sh"
. "$LAB_LIB/libvirt.sh"

# record_domains ARGS...: sets $session
record_domains()
{
    rm -rf sessions
    mkdir sessions
    qemu-trace-merge --output-dir sessions "$@" >record.out 2>record.log ||
        { cat record.log >&2; return 1; }
    session=$(product_session)
}

# segment MACHINE VCPU KEY: of the first segment, from the session
segment()
{
    lab_json ".machines[$1].vcpus[$2].segments[0].$3" <"$session/session.json"
}

# offset_now NAME: of vCPU 0, as QEMU tells it
offset_now()
{
    virsh qemu-monitor-command "$1" '{"execute": "query-vcpu-tsc-offset"}' |
        lab_json '.return.vcpus[0].offset'
}

expect_as_before()
{
    virt_is_as_before "$@" ||
        lab_fail "something was left: $(diff state.before state.after)"
    lab_log "ok: domains, guests, tracefs and /run are as before"
}

virt_start
virt_domain vm1 stock lab.stock-agent
virt_domain vm2 patched
virt_domain vm3 stock "lab.stock-agent lab.no-recorder"
virt_state vm1 vm2 vm3 >state.before

# An untouched domain, in one go.
record_domains --domain vm1 --duration 3
cat record.log
lab_assert_equal "state" complete "$(lab_json .state <"$session/session.json")"
lab_assert_equal "provenance with a stock QEMU" inferred \
    "$(segment 1 0 provenance)"
lab_assert "the bound of its error is printed" \
    grep -qE 'inferred, error up to [0-9]+' record.log
qemu-trace-merge report "$session" >report.txt
lab_assert "vm1's events are there" grep -q '^ *vm1: .*sched_switch' report.txt
expect_as_before vm1 vm2 vm3

# With the patched ones.
record_domains --domain vm2 --duration 3
cat record.log
lab_assert_equal "provenance with the patched QEMU" qmp \
    "$(segment 1 0 provenance)"
# What is inferred is right to within the bound that it tells.  Under TCG the
# true one creeps upwards while a busy host stops QEMU's threads.
before=$(offset_now vm2)
record_domains --domain vm2 --duration 3 --offsets inferred
after=$(offset_now vm2)
inferred=$(segment 1 0 offset-ticks)
error=$(segment 1 0 error-ticks)
lab_assert "inferred offset $inferred +- $error, by QMP $before to $after" \
    [ $((inferred + error >= before && inferred - error <= after)) = 1 ]
expect_as_before vm1 vm2 vm3

# One that has no recorder: it is said, and copied there on demand.
if record_domains --domain vm3 --duration 1; then
    lab_fail "a guest without a recorder was recorded"
fi
lab_assert "what is missing is said" \
    grep -q 'no qga-trace in the guest.*--push-recorder' record.log
record_domains --domain vm3 --duration 2 --push-recorder
cat record.log
lab_assert "vm3 has events" grep -qE '^vm3: [1-9][0-9]* events' record.log
expect_as_before vm1 vm2 vm3

# All at once, on one timeline.
record_domains --domain vm1 --domain vm2 --domain vm3 --duration 3 \
    --push-recorder
cat record.log
qemu-trace-merge report "$session" >report.txt
for name in host vm1 vm2 vm3; do
    lab_assert "$name is in the timeline" \
        grep -q "^ *$name: .*sched_switch" report.txt
done
expect_as_before vm1 vm2 vm3

# A command, whose status and output come back.
record_domains --domain vm2 -- sh -c 'echo from the guest; exit 0'
lab_assert_equal "the command's output" "from the guest" "$(cat record.out)"

# kill -9 of the recording: somebody takes out what it has put in.
for domain in vm1 vm3; do
    rm -rf sessions
    mkdir sessions
    qemu-trace-merge --output-dir sessions --domain $domain --push-recorder \
        >record.out 2>record.log &
    recorder=$!
    product_await_recording
    kill -9 $recorder
    wait $recorder 2>/dev/null || true
    lab_wait_for 30 eval '[ -z "$(virt_processes)" ]' ||
        lab_fail "the guardian does not end"
    expect_as_before vm1 vm2 vm3
done
# Of the guardian: the recording itself cleans up.
qemu-trace-merge --output-dir sessions --domain vm1 --duration 3 \
    >record.out 2>record.log &
recorder=$!
product_await_recording
kill -9 "$(product_children $recorder trace-guardian)"
wait $recorder || lab_fail "without its guardian it fails: $(cat record.log)"
expect_as_before vm1 vm2 vm3
