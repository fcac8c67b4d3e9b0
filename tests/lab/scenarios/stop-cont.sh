# SPDX-License-Identifier: GPL-2.0-or-later
#
# Under TCG each stop and cont changes the offset: a recording across two of
# them stays on one line, and no event lies where the guest stood still.

. "$LAB_LIB/product.sh"

lab_start_guest vm1 --smp 2 --accel tcg

# Stops the guest twice for half a second in mid-recording.
stop_and_continue()
{
    local n
    product_await_recording
    for n in 1 2; do
        sleep 1
        lab_qmp vm1 '{"execute": "stop"}' >/dev/null
        sleep 0.5
        lab_qmp vm1 '{"execute": "cont"}' >/dev/null
    done
}

stop_and_continue &
stopper=$!
product_record vm1 --duration 6
wait $stopper

for vcpu in 0 1; do
    lab_assert_equal "clock segments of vCPU $vcpu" 3 \
        "$(product_segments "$session" $vcpu)"
done

# A tick of 250 Hz or less goes on all the time, so the longest gaps between
# two guest events are the stops.
qemu-trace-merge report -t "$session" >report.txt
sed -nE 's/^ *vm1: .* ([0-9]+\.[0-9]{9}): .*/\1/p' report.txt >guest-times
lab_assert "guest times ascend" sort -c -n guest-times
awk 'NR > 1 && $1 - last > 0.4 { gaps++; sum += $1 - last } { last = $1 }
     END { printf "%d gaps of %.3f s in all\n", gaps, sum }' guest-times |
    tee gaps.txt
lab_assert_equal "gaps where the guest stood still" 2 \
    "$(sed 's/ .*//' gaps.txt)"
lab_assert "the gaps are as long as the stops" \
    awk '{ exit !($4 > 0.9 && $4 < 2.5) }' gaps.txt
lab_assert "events were recorded after the second stop" \
    [ "$(wc -l <guest-times)" -gt 100 ]
