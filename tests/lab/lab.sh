# SPDX-License-Identifier: GPL-2.0-or-later
#
# What scenarios may call, the same in both forms of the lab. README.md has
# the contract of each function; names that begin with lab__ are private.

lab_log()
{
    echo "lab: $*"
}

# Ends the scenario with one sentence.
lab_fail()
{
    trap - ERR
    echo "lab: FAILED: $*" >&2
    exit 1
}

# Ends the scenario as not applicable on this machine.
lab_skip()
{
    trap - ERR
    echo "lab: SKIPPED: $*" >&2
    exit 77
}

# lab_assert WHAT COMMAND [ARGS...]
lab_assert()
{
    local what=$1
    shift
    "$@" || lab_fail "$what: '$*' returned $?"
    lab_log "ok: $what"
}

# lab_assert_equal WHAT EXPECTED ACTUAL
lab_assert_equal()
{
    [ "$2" = "$3" ] || lab_fail "$1: expected '$2', got '$3'"
    lab_log "ok: $1 ($3)"
}

# lab_wait_for SECONDS COMMAND [ARGS...]: repeats until it succeeds.
lab_wait_for()
{
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

lab__console()
{
    echo "$LAB_RESULTS/logs/$1-console.log"
}

# lab_start_guest NAME [--smp N] [--mem MiB] [--accel kvm|tcg] [--append WORDS]
#                 [QEMU ARGUMENT...]
lab_start_guest()
{
    local name=$1 smp=2 mem=512 accel=$LAB_ACCEL append= cpu=host
    shift
    while [ $# -gt 0 ]; do
        case $1 in
        --smp) smp=$2 ;;
        --mem) mem=$2 ;;
        --accel) accel=$2 ;;
        --append) append=$2 ;;
        *) break ;;
        esac
        shift 2
    done
    [ "$accel" = kvm ] || cpu=max

    local dir=$LAB_DIR/$name console
    console=$(lab__console "$name")
    mkdir -p "$dir"
    lab_log "guest $name boots ($accel, $smp vCPUs, $mem MiB)"
    "$LAB_QEMU" -L "$LAB_FIRMWARE" -name "$name,debug-threads=on" \
        -pidfile "$dir/pid" -nodefaults -no-user-config -display none \
        -machine pc -accel "$accel" -cpu "$cpu" -smp "$smp" -m "$mem" \
        -no-reboot -kernel "$LAB_L2_KERNEL" -initrd "$LAB_L2_INITRD" \
        -append "$LAB_BOOT_WORDS lab.name=$name $append" \
        -serial "file:$console" \
        -qmp "unix:$dir/qmp.sock,server=on,wait=off" \
        -qmp "unix:$dir/qmp2.sock,server=on,wait=off" \
        -device virtio-serial-pci \
        -chardev "socket,id=qga,path=$dir/qga.sock,server=on,wait=off" \
        -device virtserialport,chardev=qga,name=org.qemu.guest_agent.0 \
        -chardev "socket,id=trace,path=$dir/trace.sock,server=on,wait=off" \
        -device virtserialport,chardev=trace,name=org.qemu.trace.0,id=trace-port \
        -chardev "socket,id=lab,path=$dir/lab.sock,server=on,wait=off" \
        -device virtserialport,chardev=lab,name=lab.agent.0 \
        "$@" </dev/null >"$LAB_RESULTS/logs/$name-qemu.log" 2>&1 &
    lab__guests+=("$name")
    lab__pids[$name]=$!

    lab__await_guest "$name"
}

# lab_start_machine NAME ACCEL CPU [QEMU ARGUMENT...]: a virtual machine with
# its firmware but no system, and waits for its monitor only.
lab_start_machine()
{
    local name=$1 accel=$2 cpu=$3 dir=$LAB_DIR/$1
    shift 3

    mkdir -p "$dir"
    "$LAB_QEMU" -L "$LAB_FIRMWARE" -name "$name,debug-threads=on" \
        -nodefaults -no-user-config -display none -machine pc \
        -accel "$accel" -cpu "$cpu" -m 32 \
        -qmp "unix:$dir/qmp2.sock,server=on,wait=off" \
        "$@" </dev/null >"$LAB_RESULTS/logs/$name-qemu.log" 2>&1 &
    lab__guests+=("$name")
    lab__pids[$name]=$!
    if ! lab_wait_for 30 lab-talk -t 30 qmp "$dir/qmp2.sock" \
            '{"execute": "query-status"}' >"$dir/status" 2>&1; then
        cat "$dir/status" "$LAB_RESULTS/logs/$name-qemu.log" >&2
        lab_fail "machine $name did not start, its monitor does not answer"
    fi
    lab_log "machine $name is up ($accel, $cpu, $*)"
}

lab__alive()
{
    kill -0 "${lab__pids[$1]}" 2>/dev/null
}

# Both agents answer, or the reason why not.
lab__await_guest()
{
    local name=$1 dir=$LAB_DIR/$1 socket

    lab_wait_for 10 eval "[ -S $dir/lab.sock ] || ! lab__alive $name" || true
    for socket in lab qga; do
        if ! lab-talk -t "$LAB_BOOT_TIMEOUT" agent "$dir/$socket.sock" \
                 '{"execute": "guest-ping"}' >"$dir/ping" 2>&1; then
            cat "$dir/ping" "$LAB_RESULTS/logs/$name-qemu.log" >&2
            echo "--- the end of $name's console" >&2
            tail -n 20 "$(lab__console "$name")" >&2 || true
            lab_fail "guest $name did not boot, its agent does not answer"
        fi
    done
    lab_log "guest $name is up"
}

# lab_qmp NAME JSON: prints the reply; fails on an error reply. Uses the
# guest's second monitor, the first is the product's.
lab_qmp()
{
    lab-talk qmp "$LAB_DIR/$1/qmp2.sock" "$2"
}

# lab_agent NAME JSON: prints the reply; fails on an error reply. Talks to the
# product's agent, so only while the product doesn't.
lab_agent()
{
    lab-talk agent "$LAB_DIR/$1/qga.sock" "$2"
}

# lab_guest_exec NAME PROGRAM [ARGS...]: prints its output, returns its exit
# status. Goes through the lab's own agent: works while the product records.
lab_guest_exec()
{
    local name=$1
    shift
    lab-talk -t "$LAB_BOOT_TIMEOUT" exec "$LAB_DIR/$name/lab.sock" "$@"
}

# lab_json PATH <JSON: prints the value at PATH, such as .return[0].name.
lab_json()
{
    lab-talk get "$1"
}

# lab_guest_pid NAME: the process id of the guest's QEMU.
lab_guest_pid()
{
    echo "${lab__pids[$1]}"
}

# lab_stop_guest NAME
lab_stop_guest()
{
    local name=$1

    if ! lab__alive "$name"; then
        local status=0
        wait "${lab__pids[$name]}" 2>/dev/null || status=$?
        lab_log "guest $name had ended by itself, status $status"
        return 0
    fi
    lab-talk -t 5 qmp "$LAB_DIR/$name/qmp2.sock" '{"execute": "quit"}' \
             >/dev/null 2>&1 || true
    if ! lab_wait_for 5 eval "! lab__alive $name"; then
        lab_log "guest $name does not quit, killing it"
        kill -KILL "${lab__pids[$name]}" 2>/dev/null || true
    fi
    wait "${lab__pids[$name]}" 2>/dev/null || true
    rm -rf "${LAB_DIR:?}/$name"
    lab_log "guest $name is stopped"
}

# Called by run.
lab_report_failure()
{
    local status=$1 command=$2 frame

    trap - ERR
    for ((frame = 1; frame < ${#FUNCNAME[@]} - 1; frame++)); do
        echo "lab:   in ${FUNCNAME[frame]}," \
             "${BASH_SOURCE[frame]##*/}:${BASH_LINENO[frame - 1]}" >&2
    done
    echo "lab: FAILED: '$command' returned $status" >&2
}

# Called by run at its limit.
lab_report_limit()
{
    trap - ERR
    trap '' TERM
    echo "lab: FAILED: the scenario is stopped at its limit of" \
         "$LAB_TIMEOUT s" >&2
}

# Called by run at its end, whichever it is.
lab_cleanup()
{
    local status=$? name

    trap - ERR EXIT
    set +e
    kill "$lab__watchdog" 2>/dev/null
    # A guest whose end made the scenario fail is to be found ended.
    [ $status = 0 ] || sleep 2
    for name in "${lab__guests[@]}"; do
        lab_stop_guest "$name"
    done
    exit $status
}

lab__guests=()
declare -A lab__pids=()
