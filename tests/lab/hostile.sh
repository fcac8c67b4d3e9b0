# SPDX-License-Identifier: GPL-2.0-or-later
#
# A real guest whose recorder was replaced by a liar, beside an honest one:
# whatever comes through the liar's port, the honest guest's recording and the
# host's are whole, and nothing is left behind.  Sourced by scenarios.

. "$LAB_LIB/product.sh"

lab_start_guest honest --smp 2
lab_start_guest liar --smp 1 --mem 256
state_before=$(product_tracing_state)

# What the agent runs; /tmp/lie says which lie it is.
lab_guest_exec liar sh -c 'cat >/usr/bin/qga-trace <<"END"
#!/bin/sh
pid=/tmp/liar.pid
case $1 in
start)
    for dir in /sys/class/virtio-ports/*; do
        [ "$(cat "$dir/name")" != org.qemu.trace.0 ] || port=/dev/${dir##*/}
    done
    lab-liar "$(cat /tmp/lie)" "$port" </dev/null >/tmp/liar.log 2>&1 &
    echo $! >$pid
    state=recording ;;
status) state=idle ;;
stop) kill -KILL "$(cat $pid)"; state=finished ;;
esac
echo "{\"state\": \"$state\", \"bytes-sent\": 0, \"cpus\": []}"
END
chmod 755 /usr/bin/qga-trace'

# value MACHINE KEY: of the session's machine of that number
value()
{
    lab_json ".machines[$1].$2" <"$session/session.json"
}

# record_beside LIE SECONDS PATTERN: PATTERN matches what is said in the end
record_beside()
{
    local lie=$1 seconds=$2 pattern=$3 status=0
    lab_guest_exec liar sh -c "echo $lie >/tmp/lie"
    rm -rf sessions
    mkdir sessions
    qemu-trace-merge record \
        --name honest --qmp "$LAB_DIR/honest/qmp.sock" \
        --qga "$LAB_DIR/honest/qga.sock" --trace "$LAB_DIR/honest/trace.sock" \
        --name liar --qmp "$LAB_DIR/liar/qmp.sock" \
        --qga "$LAB_DIR/liar/qga.sock" --trace "$LAB_DIR/liar/trace.sock" \
        -e sched:sched_process_hang -E sched:sched_switch \
        --output-dir sessions --max-size 32M --duration "$seconds" \
        >record.log 2>&1 || status=$?
    session=$(product_session)
    lab_log "$lie: $(grep '^qemu-trace-merge' record.log || echo 'no error')"
    [ "$(grep -c '^qemu-trace-merge' record.log || true)" -le 1 ] ||
        lab_fail "$lie: more than one sentence"
    cat record.log "$session/session.json" >said.txt
    grep -qE "$pattern" said.txt ||
        lab_fail "$lie: expected '$pattern', got: $(cat record.log)"
    ! grep -q "$(printf '[\033\007]')" said.txt ||
        lab_fail "$lie: control characters reach the terminal"
    lab_assert_equal "$lie: the host's stream is whole" true "$(value 0 ended)"
    lab_assert_equal "$lie: the honest stream is whole" true "$(value 1 ended)"
    for cpu in 0 1; do
        lab_assert_equal "$lie: lost on the honest CPU $cpu" 0 \
            "$(value 1 "cpus[$cpu].overrun-events")"
    done
    [ "$(stat -c %s "$session/liar.stream")" -le $((32 << 20)) ] ||
        lab_fail "$lie: it was stored beyond its limit"
    # Where the liar's part can't be used, the others' can.
    qemu-trace-merge report --machine honest --head 5000 "$session" >report.txt
    grep -q 'honest: .*sched_switch' report.txt ||
        lab_fail "$lie: the honest guest has no events"
    lab_assert_equal "$lie: tracing on the host is as before" \
        "$state_before" "$(product_tracing_state)"
}

# tell_lies LIE...: BENCH_LIES names others.
tell_lies()
{
    local lie expected
    lab-liar >lies.txt
    for lie in ${BENCH_LIES:-"$@"}; do
        case $lie in
        dribble)
            record_beside "$lie" 3 \
                'cut short|breaks off|from its first frame' ;;
        silence)
            record_beside "$lie" 24 \
                "nothing comes any more .*guest 'liar'" ;;
        flood)
            record_beside "$lie" 20 \
                "the stream of guest 'liar' reached its limit" ;;
        *)
            expected=$(sed -n "s/^$lie\t//p" lies.txt)
            record_beside "$lie" 1 "${expected:-\"state\": *\"complete\"}" ;;
        esac
    done
    rm -f said.txt report.txt lies.txt
}
