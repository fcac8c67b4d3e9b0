# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest goes to another QEMU while it is recorded: what was recorded until
# then can be read, and its recorder finds that nobody listens any more.

. "$LAB_LIB/faults.sh"

target_status()
{
    lab_qmp target '{"execute": "query-status"}' | lab_json .return.status
}

is_target_running()
{
    [ "$(target_status)" = running ]
}

migrate()
{
    mkdir -p "$LAB_DIR/target"
    lab_start_machine target kvm host -smp 2 -m 512 -no-reboot \
        -kernel "$LAB_L2_KERNEL" -initrd "$LAB_L2_INITRD" \
        -append "$LAB_BOOT_WORDS lab.name=vm1 " \
        -serial "file:$LAB_RESULTS/logs/target-console.log" \
        -device virtio-serial-pci \
        -chardev "socket,id=qga,path=$LAB_DIR/target/qga.sock,server=on,wait=off" \
        -device virtserialport,chardev=qga,name=org.qemu.guest_agent.0 \
        -chardev "socket,id=trace,path=$LAB_DIR/target/trace.sock,server=on,wait=off" \
        -device virtserialport,chardev=trace,name=org.qemu.trace.0,id=trace-port \
        -chardev "socket,id=lab,path=$LAB_DIR/target/lab.sock,server=on,wait=off" \
        -device virtserialport,chardev=lab,name=lab.agent.0 \
        -incoming "unix:$LAB_DIR/migration"
    qmp vm1 "{\"execute\": \"migrate\",
              \"arguments\": {\"uri\": \"unix:$LAB_DIR/migration\"}}"
    lab_wait_for 90 is_target_running ||
        lab_fail "the migration does not end: $(target_status)"
}

start_vm1
duration=60 befall "the guest is migrated" \
    "guest 'vm1' was migrated to another QEMU" migrate
stop_vm1
# Its recorder sees that nobody listens any more, and goes.
target_as_before()
{
    [ "$guest_state_before" = "$(product_guest_tracing_state target)" ]
}
lab_wait_for 60 target_as_before ||
    lab_fail "tracing in the migrated guest is not as before: \
$(product_guest_tracing_state target)"
