# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each process of a recording is killed in turn.  The domain's XML, the guest's
# processes and files, tracefs, and the files of /run are afterwards what they
# were before.  Flat form.

. "$LAB_LIB/product.sh"
. "$LAB_LIB/libvirt.sh"

# Who cleans up may need a moment, and some more after libvirt was gone.
expect_as_before()
{
    virt_is_as_before vm1 ||
        lab_fail "$1: left: $(diff state.before state.after)"
    lab_log "ok: $1: domain, guest, tracefs and /run are as before"
}

# begin: a recording of the domain, with all that one can put into a guest
begin()
{
    rm -rf sessions record.log
    mkdir sessions
    qemu-trace-merge --output-dir sessions --domain vm1 --push-recorder "$@" \
        >record.out 2>record.log &
    recorder=$!
    product_await_recording
    sleep 1
}

# end: waits for it; its status is in $status
end()
{
    status=0
    wait $recorder || status=$?
    grep -v '^  CPU' record.log || true
}

# What was stored until then must be worth something.
expect_readable()
{
    session=$(product_session)
    if [ "$(lab_json .state <"$session/session.json")" != complete ]; then
        qemu-trace-merge recover "$session" >recover.txt 2>&1 || true
        cat recover.txt
    fi
    qemu-trace-merge report "$session" >report.txt ||
        lab_fail "$1: what was recorded cannot be read"
    lab_assert "$1: the host's events are there" grep -q '^ *host: ' report.txt
}

# child NAME: of the recording
child()
{
    product_children $recorder "$1"
}

in_guest()
{
    virt_exec vm1 sh -c "$1"
}

# --- the host's side ---

kill_guardian()
{
    kill -9 "$(child trace-guardian)"
}

kill_host_recorder()
{
    kill -9 "$(child qemu-trace-merg)"
}

# The process that makes the files: it is there at the end only, for a moment.
kill_confined()
{
    local host_recorder pid name end=$((SECONDS + 60))
    host_recorder=$(child qemu-trace-merg)
    kill -INT $recorder
    while [ $SECONDS -lt $end ]; do
        for pid in $(<"/proc/$recorder/task/$recorder/children"); do
            if [ "$pid" != "$host_recorder" ] &&
               read -r name <"/proc/$pid/comm" &&
               [ "$name" = qemu-trace-merg ]; then
                kill -9 "$pid"
                lab_log "killed the confined process $pid"
                return
            fi
        done
    done 2>/dev/null
    lab_fail "no confined process was seen"
}

virt_start
virt_domain vm1 stock "lab.stock-agent lab.no-recorder"
virt_state vm1 >state.before

begin
kill -INT $recorder
end
lab_assert_equal "a recording that nobody kills" 0 $status
expect_as_before "nobody is killed"

begin
kill -9 $recorder
end
expect_as_before "the recording is killed"
expect_readable "the recording is killed"

begin -- sleep 600
kill -INT $recorder
end
lab_assert_equal "status of a command that is ended" 143 $status
expect_as_before "nobody is killed, and a command runs"

begin -- sleep 600
kill -9 $recorder
end
expect_as_before "the recording is killed, and a command runs"

begin
kill_guardian
kill -INT $recorder
end
lab_assert_equal "status without a guardian" 0 $status
expect_as_before "its guardian is killed"

begin
kill_host_recorder
end
lab_assert "without the host's recorder it fails" [ $status -ne 0 ]
lab_assert "that it was killed is said" grep -q 'was killed' record.log
expect_as_before "the host's recorder is killed"
expect_readable "the host's recorder is killed"

begin
kill_confined
end
lab_assert "without its files it fails" [ $status -ne 0 ]
expect_as_before "the confined process is killed"
expect_readable "the confined process is killed"

# --- the guest's side ---

begin
in_guest 'kill -9 $(ps -o pid,comm |
    awk "\$2 == \"qga-trace-guard\" { print \$1 }")'
kill -INT $recorder
end
lab_assert_equal "status without the guest's guard" 0 $status
expect_as_before "the guard in the guest is killed"

begin
in_guest 'kill -9 $(ps -o pid,comm | awk "
    \$2 ~ /^qga-trace-/ && \$2 != \"qga-trace-guard\" { print \$1 }")'
end
lab_assert "without the guest's recorder it fails" [ $status -ne 0 ]
lab_assert "who is gone is said" grep -q "recorder in guest 'vm1'" record.log
expect_as_before "the recorder in the guest is killed"
expect_readable "the recorder in the guest is killed"

port=$(virt_agent_port vm1)
begin
virt_signal vm1 KILL "^[^ ]*qemu-ga .*-p /dev/$port "
kill -INT $recorder
sleep 2
virt_start_agent vm1 stock-qemu-ga "$port"
end
expect_as_before "the agent is killed"
expect_readable "the agent is killed"

# --- who manages the guest ---

if [ -n "$virt_libvirtd" ]; then
    begin
    kill -9 "$virt_libvirtd"
    sleep 1
    virt_start_daemon libvirtd
    end
    lab_assert "without libvirtd it fails" [ $status -ne 0 ]
    lab_wait_for 30 virsh -q list >/dev/null 2>&1
    lab_wait_for 60 virt_agent vm1 guest-ping >/dev/null 2>&1
    expect_as_before "libvirtd is killed"
    expect_readable "libvirtd is killed"
fi

begin
kill -9 "$(cat /run/libvirt/qemu/vm1.pid)"
end
lab_assert "without the domain it fails" [ $status -ne 0 ]
lab_assert "what is gone is said" grep -q "guest 'vm1'" record.log
expect_readable "the domain is killed"
lab_wait_for 30 eval '[ "$(virsh domstate vm1)" = "shut off" ]' || true
virsh -q start vm1
lab_wait_for 90 virt_agent vm1 guest-ping >/dev/null 2>&1
begin
kill -INT $recorder
end
expect_as_before "the domain is killed"
