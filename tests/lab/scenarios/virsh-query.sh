# SPDX-License-Identifier: GPL-2.0-or-later
#
# By virsh and a real libvirt: query-vcpu-tsc-offset and "info vcpu-tsc" of a
# domain, as the manual shows them. Flat form.

. "$LAB_LIB/libvirt.sh"

virt_start
virt_domain vm1 patched

# vcpu PATH: of the answer, for the second vCPU.
vcpu()
{
    lab_json ".return.vcpus[1]$1" <answer.json
}

virsh qemu-monitor-command vm1 --pretty \
    '{"execute":"query-vcpu-tsc-offset"}' >answer.json
cat answer.json
lab_assert_equal "APIC id" 1 "$(vcpu .apic-id)"
lab_assert_equal "source" tcg "$(vcpu .source)"
before=$(vcpu .offset)

# While it is suspended, the guest's TSC stands still.
virsh -q suspend vm1
virsh -q resume vm1
virsh qemu-monitor-command vm1 '{"execute":"query-vcpu-tsc-offset"}' \
    >answer.json
after=$(vcpu .offset)
lab_assert "the offset is less by the time of the suspension" \
    [ "$after" -lt "$before" ]
lab_assert_equal "what held before" "$before" "$(vcpu .history[0].offset)"
began=$(($(vcpu .effective-from) - after))
lab_assert_equal "it took effect at the resumption, to the tick" \
    "$began $began" "$(vcpu .since.from) $(vcpu .since.to)"

virsh qemu-monitor-command vm1 --hmp 'info vcpu-tsc' >hmp.txt
cat hmp.txt
lab_assert "info vcpu-tsc shows both offsets" eval \
    "grep -q 'host + $after,' hmp.txt && grep -q 'host + $before,' hmp.txt"
