# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest rewrites its own TSC in mid-recording, forwards and backwards: each
# change is applied from the tick where it happened.  The guest's kernel may
# put TSC_ADJUST right again, so there may be two changes for one.

. "$LAB_LIB/product.sh"

lab_start_guest vm1 --smp 2

MSR_TSC=0x10
MSR_TSC_ADJUST=0x3b

# rewrite CPU STEP: moves the guest CPU's TSC by STEP ticks.
rewrite_tsc()
{
    lab_guest_exec vm1 sh -c "modprobe msr; \
        now=\$(rdmsr -d -p $1 $MSR_TSC); \
        wrmsr -p $1 $MSR_TSC \$((now + $2))"
}

rewrite_in_mid_recording()
{
    sleep 2
    rewrite_tsc 0 700000000
    sleep 1
    rewrite_tsc 1 -300000000
    sleep 1
    rewrite_tsc 1 5000000
}

rewrite_in_mid_recording &
writer=$!
product_record vm1 --duration 7
wait $writer
cat "$session/session.json"

qemu-trace-merge check "$session" | tee check.txt
total=$(grep '^total:' check.txt)
lab_assert "guest events are inside their windows" \
    [ "$(product_value inside <<<"$total")" -ge 1000 ]
lab_assert_equal "guest events outside" 0 "$(product_value outside <<<"$total")"
lab_assert "hardly any event is inexact" \
    [ "$(product_value inexact <<<"$total")" -lt 500 ]

# Each vCPU had its clock changed, and the file says so with its source.
for vcpu in 0 1; do
    segments=$(product_segments "$session" $vcpu)
    lab_assert "vCPU $vcpu has several clock segments ($segments)" \
        [ "$segments" -ge 2 ]
done
lab_assert "the changes come from the host's trace" \
    grep -q '"provenance": *"trace"' "$session/session.json"

# The proof is worth something here: without the changes it breaks.
lab_assert "host and guest are interleaved" \
    sh -c "qemu-trace-merge report '$session' | grep -q 'vm1: .*sched_switch'"
