# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whichever process of a real recording is killed, on the host or in the guest,
# and whenever: what was received until then can be read, with no mark missing
# in it, and on both sides tracing is as before, with no process, connection,
# file or device left.  BENCH_KILLS says how often, BENCH_SEED repeats the
# choices.  Sourced by scenarios, which say by kill_victim() whom.

. "$LAB_LIB/product.sh"

kills=${BENCH_KILLS:-10}
seed=${BENCH_SEED:-$EPOCHSECONDS}
RANDOM=$((seed % 32768))
dir=$LAB_DIR/vm1
boots=0
declare -A killed=()

host_state()
{
    product_tracing_state
    grep -lsxE 'qemu-trace-merg|trace-guardian' /proc/[0-9]*/comm || true
    # With QEMU's ends of the connections.
    awk '$NF ~ /^\// { print $NF }' /proc/net/unix | sort
    ls -A /run /tmp /dev/shm
}

guest_state()
{
    product_guest_tracing_state vm1
    lab_guest_exec vm1 sh -c 'ls -A /tmp; cat /sys/class/virtio-ports/*/name'
    lab_qmp vm1 '{"execute": "query-chardev"}'
    lab_qmp vm1 '{"execute": "qom-list",
                  "arguments": {"path": "/machine/peripheral"}}'
}

# The trace channel of every other one is plugged in by the recording.
start_vm1()
{
    lab_start_guest vm1 --smp 2
    boots=$((boots + 1))
    channel=(--trace "$dir/trace.sock")
    if [ $((boots % 2)) = 0 ]; then
        lab_qmp vm1 '{"execute": "device_del",
                      "arguments": {"id": "trace-port"}}' >/dev/null
        channel=()
    fi
    product_start_marks vm1
    sleep 1
    guest_before=$(guest_state)
    sleep 1
    host_before=$(host_state)
}

# Next to nothing but the marks, so that there can be many.
start_recording()
{
    rm -rf sessions record.log
    mkdir sessions
    qemu-trace-merge record --name vm1 --qmp "$dir/qmp.sock" \
        --qga "$dir/qga.sock" "${channel[@]}" \
        -e sched:sched_process_hang -E sched:sched_process_hang \
        --output-dir sessions --duration 2 --limit stop-time=30 \
        >record.log 2>&1 &
    recorder=$!
    start_ms=$((${EPOCHREALTIME/./} / 1000))
}

# children_of PID: all that descend from it
children_of()
{
    local pid
    for pid in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
        echo "$pid"
        children_of "$pid"
    done
}

# choose PID...: one of them
choose()
{
    shift $((RANDOM % $#))
    echo "$1"
}

# Sets $victim.  Who isn't there yet is waited for, while the tool runs.
kill_one()
{
    victim=
    while [ -z "$victim" ] && kill -0 $recorder; do
        kill_victim $turn
        [ -n "$victim" ] || sleep 0.1
    done
} 2>/dev/null

# is_stored: whether there is a byte of a stream
is_stored()
{
    [ -s "$session/session.json" ] &&
        [ -n "$(find "$session" -name '*.stream' -size +0c)" ]
}

# expect_read STATUS COMMAND...: it ends with no worse a status
expect_read()
{
    local worst=$1 status=0
    shift
    qemu-trace-merge "$@" >read.txt 2>read.log || status=$?
    [ $status -le "$worst" ] ||
        lab_fail "$what: $1 ends with status $status: $(cat read.log)"
}

# expect_row MACHINE [COUNT]: of its marks in read.txt none is missing between
# the first and the last; of COUNT in all the last one is there, too.
expect_row()
{
    local first last
    sed -n "s/^ *$1: .* mark \\([0-9]*\\)\$/\\1/p" read.txt >marks.txt
    first=$(head -n 1 marks.txt) last=$(tail -n 1 marks.txt)
    row="$row; $1's marks: ${first:-none}..${last:-none}"
    [ -n "$first" ] || [ -n "${2:-}" ] || return 0
    [ "$(wc -l <marks.txt)" = $((last - first + 1)) ] ||
        lab_fail "$what: marks of $1 are missing: $(tr '\n' ' ' <marks.txt)"
    [ "${2:-$((last + 1))}" = $((last + 1)) ] ||
        lab_fail "$what: marks of $1 after $last are missing, of $2"
}

# What is left is readable; all of it is there if that's what was said.
look_at_session()
{
    local state host= guest=
    session=$(product_session) row=
    if ! is_stored; then
        lab_log "$what: nothing was stored"
        return 0
    fi
    state=$(lab_json .state <"$session/session.json")
    [ $status != 0 ] || [ "$state" = complete ] ||
        lab_fail "$what: status 0, but the session's state is $state"
    [ "$state" = complete ] || expect_read 0 recover "$session"
    # Its status is its verdict.
    expect_read 2 check "$session"
    expect_read 0 report --event print "$session"
    if [ $status = 0 ]; then
        host=$(cat marks-host)
        # Who killed QEMU at the very end can't ask any more.
        [ "$victim" = QEMU ] || guest=$(lab_guest_exec vm1 cat /tmp/marks)
    fi
    expect_row host "$host"
    expect_row vm1 "$guest"
    readable=$((readable + 1))
    lab_log "$what: readable$row"
}

is_host_as_before()
{
    [ "$1" = "$(host_state)" ]
}

is_guest_as_before()
{
    [ "$guest_before" = "$(guest_state)" ]
}

expect_host()
{
    lab_wait_for 60 is_host_as_before "$1" ||
        lab_fail "$what: left on the host: $(diff <(echo "$1") <(host_state))"
}

expect_guest()
{
    lab_wait_for 60 is_guest_as_before ||
        lab_fail "$what: left in the guest: $(diff <(echo "$guest_before") \
            <(guest_state))"
}

# What the tool itself says of it, unless it was the tool that was killed.
expect_sentence()
{
    local said
    said=$(grep -c '^qemu-trace-merge' record.log || true)
    lab_log "$what: status $status," \
        "$(grep '^qemu-trace-merge' record.log || echo 'no sentence')"
    if [ "$victim" = "the tool" ]; then
        return 0
    fi
    [ "$status $said" = "0 0" ] || [ "$status $said" = "1 1" ] ||
        lab_fail "$what: status $status and $said sentences: $(cat record.log)"
}

# One recording, of which a process is killed if there is one.
kill_in_recording()
{
    local delay_ms
    status=0
    start_recording
    delay_ms=$((takes_ms * RANDOM / 32768))
    sleep "$(printf '%d.%03d' $((delay_ms / 1000)) $((delay_ms % 1000)))"
    kill_one || true
    wait $recorder 2>/dev/null || status=$?
    if [ -z "$victim" ]; then
        takes_ms=$((${EPOCHREALTIME/./} / 1000 - start_ms))
    else
        n_killed=$((n_killed + 1))
        killed[$victim]=$((${killed[$victim]:-0} + 1))
    fi
    what="kill $n_killed, ${victim:-nobody}"
    expect_sentence
    if [ "$victim" = QEMU ]; then
        product_stop_marks
        lab_stop_guest vm1
        rm -rf "${LAB_DIR:?}/vm1"
        expect_host "$host_alone"
        look_at_session
        start_vm1
        return 0
    fi
    expect_host "$host_before"
    expect_guest
    look_at_session
}

# run_kills: the whole of a scenario
run_kills()
{
    local try victim
    host_alone=$(host_state)
    start_vm1
    takes_ms=0
    for try in first second; do
        start_recording
        wait $recorder ||
            lab_fail "the $try recording fails: $(cat record.log)"
        takes_ms=$((${EPOCHREALTIME/./} / 1000 - start_ms))
    done
    lab_log "seed $seed; a recording takes $takes_ms ms"
    readable=0 n_killed=0
    for ((turn = 0; n_killed < kills; turn++)); do
        [ $turn -lt $((kills * 3)) ] || lab_fail "hardly a process is found"
        kill_in_recording
    done
    for victim in "${!killed[@]}"; do
        lab_log "killed: $victim: ${killed[$victim]}"
    done
    lab_log "$turn recordings, $n_killed killed, $readable readable"

    victim= what="the next recording" status=0
    start_recording
    wait $recorder || lab_fail "$what fails: $(cat record.log)"
    look_at_session
    product_stop_marks
    rm -f read.txt read.log marks.txt
}
