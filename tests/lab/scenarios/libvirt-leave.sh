# SPDX-License-Identifier: GPL-2.0-or-later
#
# Domains of libvirt that reboot or are migrated away in mid-recording: one
# clear sentence, what was recorded until then can be read, and nothing is left.
# The other host is a second libvirtd of this machine.  Flat form.

. "$LAB_LIB/product.sh"
. "$LAB_LIB/libvirt.sh"

# expect_cut WHAT PATTERN COMMAND...: COMMAND, once events come in, ends a
# recording of vm1 with a sentence that PATTERN matches.
expect_cut()
{
    local what=$1 pattern=$2 status=0
    shift 2
    rm -rf sessions record.log
    mkdir sessions
    qemu-trace-merge --output-dir sessions --domain vm1 --push-recorder \
        >record.out 2>record.log &
    recorder=$!
    product_await_recording
    lab_wait_for 60 eval '[ -s sessions/*Z/vm1.stream ]'
    sleep 1
    "$@"
    wait $recorder || status=$?
    product_expect_failure "$what" "$pattern" $status
    session=$(product_session)
    qemu-trace-merge report "$session" >report.txt
    for name in host vm1; do
        lab_assert "$what: the events of $name until then can be read" \
            grep -q "^ *$name: .*sched_switch" report.txt
    done
}

# The guest has booted when its agents answer again.
expect_as_before()
{
    lab_wait_for 90 virt_agent vm1 guest-ping >/dev/null 2>&1 ||
        lab_fail "$1: the guest does not come up again"
    virt_is_as_before vm1 ||
        lab_fail "$1: left: $(diff state.before state.after)"
    lab_log "ok: $1: domain, guest, tracefs and /run are as before"
}

virt_start
virt_domain vm1 stock "lab.stock-agent lab.no-recorder"
virt_state vm1 >state.before

expect_cut "a reset" "guest 'vm1' was reset" virsh -q reset vm1
expect_as_before "a reset"
# Once the lab's agent has said that it began.
reboot_guest()
{
    virt_exec vm1 sh -c \
        'setsid sh -c "sleep 1; reboot -f" </dev/null >/dev/null 2>&1 &'
}
expect_cut "a reboot" "guest 'vm1' was reset" reboot_guest
expect_as_before "a reboot"

# --- migrated away ---

other=qemu+unix:///system?socket=$virt_dir/other/libvirt-sock

# In namespaces of its own, so that it finds nothing of the first one.
start_other_libvirtd()
{
    mkdir "$virt_dir/other"
    cat >"$virt_dir/other/libvirtd.conf" <<CONF
unix_sock_dir = "$virt_dir/other"
host_uuid = "$(cat /proc/sys/kernel/random/uuid)"
CONF
    cat >"$virt_dir/other/qemu.conf" <<CONF
cgroup_controllers = [ ]
namespaces = [ ]
security_driver = "none"
stdio_handler = "file"
remember_owner = 0
CONF
    unshare --mount --uts sh -c '
        hostname other
        mount -t tmpfs tmpfs /run
        for dir in /var/lib/libvirt /var/cache/libvirt /var/log/libvirt \
                /etc/libvirt; do
            mount -t tmpfs tmpfs $dir
        done
        cp "$1"/*.conf /etc/libvirt
        exec libvirtd' sh "$virt_dir/other" \
        >"$LAB_RESULTS/logs/other-libvirtd.log" 2>&1 &
    virt_pids+=($!)
    lab_wait_for 30 virsh -q -c "$other" list >/dev/null 2>&1 ||
        lab_fail "the second libvirtd does not start"
}

migrate()
{
    virsh -q migrate vm1 "$other" --live \
        --migrateuri "unix://$virt_dir/migration" >migrate.log 2>&1 ||
        lab_fail "vm1 cannot be migrated: $(cat migrate.log)"
}

# in_other COMMAND: by the shell of the guest over there
in_other()
{
    local agent="virsh -q -c $other qemu-agent-command vm1" pid
    pid=$($agent "{\"execute\": \"guest-exec\", \"arguments\": {
        \"path\": \"sh\", \"arg\": [\"-c\", \"$1\"],
        \"capture-output\": true}}" | lab_json .return.pid)
    lab_wait_for 30 eval "$agent '{\"execute\": \"guest-exec-status\",
        \"arguments\": {\"pid\": $pid}}' >exec.json
        [ \"\$(lab_json .return.exited <exec.json)\" = true ]"
    # There is none where nothing was printed.
    { lab_json '.return.out-data' <exec.json 2>/dev/null || true; } | base64 -d
}

destroy_other()
{
    virsh -q -c "$other" destroy vm1 >/dev/null 2>&1 || true
}

start_other_libvirtd
expect_cut "a migration" "vm1' was cut short: it was migrated to another host" \
    migrate
lab_assert_equal "where the domain runs" running \
    "$(virsh -q -c "$other" domstate vm1)"
# Nobody reads there, so the recorder ends by itself.
lab_wait_for 90 eval \
    '[ -z "$(in_other "ls /sys/kernel/tracing/instances")" ]' || {
    destroy_other
    lab_fail "the recorder over there does not end"
}
alias=$(sed -n 's/.*detach-device-alias vm1 \([^ ]*\) .*/\1/p' record.log)
lab_log "the channel over there is $alias"
virsh -q -c "$other" detach-device-alias vm1 "$alias" --live
lab_wait_for 30 eval '! virsh -c "$other" dumpxml vm1 |
    grep -q org.qemu.trace.0' || {
    destroy_other
    lab_fail "the channel over there cannot be taken out"
}
destroy_other
virsh -q start vm1
expect_as_before "a migration"
