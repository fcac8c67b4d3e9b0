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
    product_await_recording
    sleep 1
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
