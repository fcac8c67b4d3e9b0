# SPDX-License-Identifier: GPL-2.0-or-later
#
# The agent's commands by hand, through libvirt, as qga-trace(1) describes it.
# Flat form.

. "$LAB_LIB/product.sh"
. "$LAB_LIB/libvirt.sh"

[ "$LAB_FORM" = flat ] || lab_skip "libvirt is only on this machine"

virt_start
virt_domain vm1 patched
virt_state vm1 >state.before
cat >channel.xml <<XML
<channel type='unix'>
  <source mode='bind' path='$virt_dir/vm1.trace'/>
  <target type='virtio' name='org.qemu.trace.0'/>
</channel>
XML
virsh -q attach-device vm1 channel.xml --live

# agent COMMAND: its answer
agent()
{
    virsh qemu-agent-command vm1 "$1" | tee -a answers.json
}

lab_assert_equal "at first" idle \
    "$(agent '{"execute":"guest-trace-status"}' | lab_json .return.state)"
# Nobody listens yet.
if agent '{"execute":"guest-trace-start"}' 2>refused.txt; then
    lab_fail "it records for nobody"
fi
lab_assert "it says what is missing" grep -q 'nobody listens' refused.txt

socat -u "UNIX-CONNECT:$virt_dir/vm1.trace" CREATE:vm1.stream &
reader=$!
lab_assert_equal "after the start" recording \
    "$(agent '{"execute":"guest-trace-start"}' | lab_json .return.state)"
if agent '{"execute":"guest-trace-start"}' 2>refused.txt; then
    lab_fail "it records twice"
fi
lab_assert "a second start is refused" grep -q 'runs already' refused.txt
sleep 2
lab_assert_equal "in between" recording \
    "$(agent '{"execute":"guest-trace-status"}' | lab_json .return.state)"
agent '{"execute":"guest-trace-stop"}' >stopped.json
lab_assert_equal "at the end" finished "$(lab_json .return.state <stopped.json)"
sent=$(lab_json '.return.bytes-sent' <stopped.json)
lab_wait_for 30 eval '[ "$(stat -c %s vm1.stream)" = "$sent" ]' ||
    lab_fail "of $sent bytes $(stat -c %s vm1.stream) came"
lab_assert_equal "the stream's first bytes" QTF1 "$(head -c 4 vm1.stream)"
kill $reader
wait $reader || true

virsh -q detach-device vm1 channel.xml --live
lab_wait_for 30 eval 'virt_state vm1 >state.after;
    cmp -s state.before state.after' ||
    lab_fail "something was left: $(diff state.before state.after)"
lab_log "ok: domain, guest and tracefs are as before"
