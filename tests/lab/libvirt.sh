# SPDX-License-Identifier: GPL-2.0-or-later
#
# Domains of libvirt for flat scenarios; sourced by them.  libvirt's daemons
# are started by hand and stopped at the end, unless the machine runs them.

[ "$LAB_FORM" = flat ] || lab_skip "libvirt is only on this machine"

# A place that QEMU's user may read, as libvirt starts it.
virt_dir=$(mktemp -d /var/tmp/lab-libvirt-XXXXXX)
chmod 755 "$virt_dir"
virt_pids=()
virt_libvirtd= # its process, if we have started it
virt_domains=()

virt_cleanup()
{
    local status=$? name

    set +e
    trap - ERR
    for name in "${virt_domains[@]}"; do
        virsh -q destroy "$name" >/dev/null 2>&1
        virsh -q undefine "$name" >/dev/null 2>&1
    done
    for pid in "${virt_pids[@]}"; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    rm -rf "$virt_dir"
    (exit $status)
    lab_cleanup
}

virt_start_daemon()
{
    "$1" >"$LAB_RESULTS/logs/$1.log" 2>&1 &
    virt_pids+=($!)
    [ "$1" != libvirtd ] || virt_libvirtd=$!
}

# virt_start: libvirt answers.
virt_start()
{
    trap virt_cleanup EXIT
    if ! virsh -q list >/dev/null 2>&1; then
        virt_start_daemon virtlogd
        virt_start_daemon libvirtd
        lab_wait_for 30 virsh -q list >/dev/null 2>&1 ||
            lab_fail "libvirtd does not start"
    fi
    lab_log "libvirt $(virsh version --daemon | sed -n 's/.*daemon: //p')"
    cp "$LAB_L2_KERNEL" "$virt_dir/vmlinuz"
    cp "$LAB_L2_INITRD" "$virt_dir/initrd"
    # The patched QEMU, where its user can reach it.
    cp -rL "$(dirname "$LAB_QEMU")/.." "$virt_dir/qemu"
    chmod -R go+rX "$virt_dir"
}

# virt_domain NAME stock|patched [WORDS]: defines and starts one, and waits for
# its agents.  It has no trace channel.
virt_domain()
{
    local name=$1 emulator=/usr/bin/qemu-system-x86_64
    [ "$2" = stock ] || emulator=$virt_dir/qemu/bin/qemu-system-x86_64
    virt_domains+=("$name")
    cat >"$name.xml" <<XML
<domain type='qemu'>
  <name>$name</name>
  <memory unit='MiB'>512</memory>
  <vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>$virt_dir/vmlinuz</kernel>
    <initrd>$virt_dir/initrd</initrd>
    <cmdline>$LAB_BOOT_WORDS lab.name=$name ${3:-}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='maximum'/>
  <devices>
    <emulator>$emulator</emulator>
    <serial type='file'><source path='/var/tmp/${virt_dir##*/}/$name.log'/></serial>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <channel type='unix'>
      <source mode='bind' path='$virt_dir/$name.lab'/>
      <target type='virtio' name='lab.agent.0'/>
    </channel>
  </devices>
</domain>
XML
    chmod 777 "$virt_dir"
    virsh -q define "$name.xml" || lab_fail "cannot define $name"
    virsh -q start "$name" || lab_fail "cannot start $name"
    lab_wait_for 90 virt_agent "$name" guest-ping >/dev/null 2>&1 ||
        lab_fail "the agent of domain $name does not answer"
    # Whether it is connected is in the domain's XML.
    lab_wait_for 60 virt_exec "$name" true ||
        lab_fail "the lab's agent of domain $name does not answer"
    lab_wait_for 60 grep -q "init: guest '$name' is up" "$virt_dir/$name.log" ||
        lab_fail "domain $name has not booted"
    lab_log "domain $name is up ($2)"
}

# virt_agent NAME COMMAND
virt_agent()
{
    virsh -q qemu-agent-command "$1" "{\"execute\": \"$2\"}"
}

# virt_trace_channel NAME attach|detach: a trace channel by hand, whose socket
# is $virt_dir/NAME.trace.
virt_trace_channel()
{
    cat >channel.xml <<XML
<channel type='unix'>
  <source mode='bind' path='$virt_dir/$1.trace'/>
  <target type='virtio' name='org.qemu.trace.0'/>
</channel>
XML
    virsh -q "$2-device" "$1" channel.xml --live
}

# virt_exec NAME PROGRAM [ARG...]: in the guest, through the lab's own agent.
virt_exec()
{
    local name=$1
    shift
    lab-talk -t "$LAB_BOOT_TIMEOUT" exec "$virt_dir/$name.lab" "$@"
}

# virt_signal NAME SIGNAL PATTERN: to those processes in the guest whose command
# line it matches.  The pattern begins with "^".
virt_signal()
{
    virt_exec "$1" sh -c 'for dir in /proc/[0-9]*; do
            ! tr "\0" " " 2>/dev/null <"$dir/cmdline" | grep -q "$1" ||
                kill -"$0" "${dir#/proc/}"
        done' "$2" "$3"
}

# virt_agent_port NAME: the guest's device through which libvirt's agent talks.
virt_agent_port()
{
    virt_exec "$1" sh -c \
        'grep -lx org.qemu.guest_agent.0 /sys/class/virtio-ports/*/name |
            sed "s|/name||; s|.*/||"'
}

# virt_start_agent NAME PROGRAM PORT [OPTION...]: libvirt's, as the guest's
# init does it.  The one before is killed.
virt_start_agent()
{
    local name=$1 program=$2 port=$3
    shift 3
    virt_signal "$name" KILL "^[^ ]*qemu-ga .*-p /dev/$port "
    virt_exec "$name" sh -c "setsid $program -m virtio-serial -p /dev/$port \
        -t /run/agent-$port -f /run/agent-$port/pid -l /run/agent-$port/log \
        $* </dev/null >/dev/null 2>&1 &"
    lab_wait_for 60 virt_agent "$name" guest-ping >/dev/null 2>&1 ||
        lab_fail "the agent of domain $name does not come back"
}

# virt_xml ARGUMENT...: of a domain, the same after it was started again
virt_xml()
{
    virsh dumpxml "$@" |
        sed "s/^<domain type='qemu' id='[0-9]*'/<domain type='qemu'/
            s/domain-[0-9]*-/domain-/
            s|/dev/pts/[0-9]*|/dev/pts/|"
}

# virt_state NAME...: all that a recording must leave as it was.
virt_state()
{
    local name
    for name; do
        echo "domain $name"
        virt_xml "$name"
        virt_xml "$name" --inactive
        virt_exec "$name" sh -c '
            ls /sys/kernel/tracing/instances /sys/class/virtio-ports
            cat /sys/class/virtio-ports/*/name
            cd /sys/kernel/tracing
            cat trace_clock set_event current_tracer tracing_on
            ls /tmp /var/tmp /root
            # One that is installed keeps its totals.
            ls /run | grep -vx "$(command -v qga-trace >/dev/null &&
                echo qga-trace)"
            # The kernel threads have no command line.
            names=$(for dir in /proc/[0-9]*; do
                line=
                read -r line 2>/dev/null <"$dir/cmdline"
                [ -z "$line" ] || cat "$dir/comm" 2>/dev/null
            done)
            echo "$names" | sort'
    done
    echo host
    virt_instances
    find /run /var/lib/libvirt/qemu -path /run/systemd -prune -o \
        -path /run/user -prune -o -print 2>/dev/null |
        sed 's/domain-[0-9]*-/domain-/' | sort
    virt_processes
}

# virt_is_as_before NAME...: as in state.before; in a moment, if not now.
virt_is_as_before()
{
    local names=$*
    lab_wait_for 60 eval 'virt_state $names >state.after 2>&1
        cmp -s state.before state.after'
}

# virt_instances: of tracefs, the product's; others may trace this machine, too.
virt_instances()
{
    ls /sys/kernel/tracing/instances | grep '^qemu-trace-merge-' || true
}

# virt_processes: those of the product that this scenario has started.
virt_processes()
{
    local pid
    for pid in $(ps -eo pid=,comm= |
            awk '/ (trace-guardian|qemu-trace-merg)$/ { print $1 }'); do
        ! grep -qz "^LAB_RESULTS=$LAB_RESULTS$" "/proc/$pid/environ" \
            2>/dev/null || cat "/proc/$pid/comm"
    done
}
