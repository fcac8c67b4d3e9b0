# SPDX-License-Identifier: GPL-2.0-or-later
#
# A flight recorder on a real guest: nothing leaves the guest until the end, and
# whatever ends it, the guest's own triggers included, freezes both sides.

. "$LAB_LIB/product.sh"

# freeze_text: what the summary says of it; the skew is measured.
freeze_text()
{
    sed -n 's/^  frozen \(.*\), [0-9.]* us \(before\|after\) the host$/\1/p' \
        record.log
}

# stream_bytes: of the guest, stored so far
stream_bytes()
{
    stat -c %s sessions/*Z/vm1.stream
}

# check_flight WHAT FREEZE: of the session that was just made
check_flight()
{
    lab_assert_equal "$1: the guest froze" "$2" "$(freeze_text)"
    lab_log "$1:$(sed -n 's/^  frozen.*, / the guest /p' record.log)"
    lab_assert_equal "$1: the session" complete \
        "$(lab_json .state <"$session/session.json")"
    qemu-trace-merge check "$session" >check.txt ||
        lab_fail "$1: $(cat check.txt)"
    tail -n 2 check.txt
    qemu-trace-merge report --tail 2000 "$session" >report.txt
    lab_assert "$1: both machines' last events are there" \
        eval 'grep -q "^ *vm1: " report.txt && grep -q "^ *host: " report.txt'
    # Who turned it off turns it on again.
    in_guest 'echo 1 >/sys/kernel/tracing/tracing_on'
    [ "$(product_tracing_state)" = "$host_before" ] ||
        lab_fail "$1: left on the host: $(product_tracing_state)"
    [ "$(product_guest_tracing_state vm1)" = "$guest_before" ] ||
        lab_fail "$1: left in the guest: $(product_guest_tracing_state vm1)"
}

# fly WHAT FREEZE TRIGGER OPTION...: TRIGGER is run in mid-flight
fly()
{
    local what=$1 freeze=$2 trigger=$3
    shift 3
    rm -f record.log
    (
        product_await_recording
        sleep 1
        $trigger
    ) &
    # The status is the command's; check_flight looks at the recording.
    product_record vm1 --snapshot "$@" || true
    wait $! || lab_fail "$what: the trigger fails"
    session=$(product_session)
    check_flight "$what" "$freeze"
}

in_guest()
{
    lab_guest_exec vm1 sh -c "$1"
}

turn_tracing_off()
{
    in_guest 'echo 0 >/sys/kernel/tracing/tracing_on'
}

write_marker()
{
    in_guest 'echo "the request took too long" >/sys/kernel/tracing/trace_marker'
}

# Whatever is in the stream by now, it is no events.
interrupt()
{
    local early late
    early=$(stream_bytes)
    in_guest 'lab-load 2'
    late=$(stream_bytes)
    lab_log "$early bytes at first, $late after two seconds of load"
    lab_assert "nothing but signs of life leaves the guest" \
        [ $((late - early)) -lt 65536 ]
    kill -INT "$(product_children $$ qemu-trace-merg)"
}

lab_start_guest vm1 --smp 2
in_guest 'qga-trace status' >/dev/null
host_before=$(product_tracing_state)
guest_before=$(product_guest_tracing_state vm1)

fly "tracing is turned off" "as its tracing was turned off" turn_tracing_off \
    --duration 60
fly "a text in trace_marker" "as the stop marker was written" write_marker \
    --duration 60 --stop-marker "took too long"
fly "cyclictest's threshold" "as its tracing was turned off" true -- \
    cyclictest -q -m -p 80 -i 1000 -b 400 --tracemark -D 60
fly "the end of the command" "as the command ended" true -- lab-load 2
fly "Ctrl-C" "as it was told" interrupt
fly "the duration" "as it was told" true --duration 2

# What the host froze is about what its own buffers held: small ones, so that
# they wrap, and only the end is kept.
fly "buffers that wrap" "as the command ended" true --buffer-size 256 \
    --guest-buffer-size 128 -- lab-load 4 200
lab_assert "the oldest events were overwritten" \
    eval '[ "$(sed -n "s/^vm1: the latest \([0-9]*\) of \([0-9]*\) events/\2 - \1/p" \
        record.log | { read -r sum; echo $((sum)); })" -gt 0 ]'
