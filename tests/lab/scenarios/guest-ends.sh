# SPDX-License-Identifier: GPL-2.0-or-later
#
# Guests that end, each in another way, while they are recorded.

. "$LAB_LIB/faults.sh"

# Of a guest whose kernel says that its TSC is not to be trusted: the trace's
# clock is the TSC itself, and that is as good as ever.
start_vm1 --append tsc=unstable -action reboot=reset
lab_log "the guest's clock: $(lab_guest_exec vm1 cat \
    /sys/devices/system/clocksource/clocksource0/current_clocksource)"
befall "the guest's TSC counts as unstable" "" true
qemu-trace-merge check "$session" | tee check.txt
lab_assert "the guest's TSC counts as unstable: the certificate" \
    grep -q '^total:.* outside=0\b' check.txt
befall "the guest is reset" "guest 'vm1' was reset" \
    qmp vm1 '{"execute": "system_reset"}'
stop_vm1

start_vm1
befall "the guest panics" "guest 'vm1' (crashed|was reset|shut down)" \
    lab_guest_exec vm1 sh -c \
    '(sleep 0.5; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 </dev/null &'
stop_vm1

start_vm1
befall "QEMU is killed" "QEMU of guest 'vm1' has ended" \
    kill -KILL "$(lab_guest_pid vm1)"
stop_vm1
