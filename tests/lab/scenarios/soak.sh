# SPDX-License-Identifier: GPL-2.0-or-later
#
# A recording of some minutes, whose buffers are filled and emptied many times:
# nobody's memory grows, and nothing is lost.  soak.after finds the certificate
# intact to the end, and then makes a day of it: the recorded pages again and
# again, hours apart, as a recording of a day would have them.  So the day is
# that of the clocks; memory is shown to be flat only over what was really
# recorded.  BENCH_SOAK_SECONDS makes that longer.

. "$LAB_LIB/product.sh"

seconds=${BENCH_SOAK_SECONDS:-100}
lab_start_guest vm1 --smp 2
(product_record vm1 --duration "$seconds" --buffer-size 256 \
    --guest-buffer-size 256 -e sched:sched_process_hang \
    -E sched:sched_switch) >/dev/null 2>&1 &
recorder=$!
product_await_recording
product_start_marks vm1 0.5

# Of everything that records, on the host and in the guest: the kB of memory
# that are its own.
sample()
{
    local pid
    for pid in $(pidof qemu-trace-merge); do
        echo "host-$pid $(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' \
            "/proc/$pid/status")"
    done
    lab_guest_exec vm1 sh -c 'for pid in $(pidof qga-trace); do
        echo "guest-$pid $(sed -n "s/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p" \
            /proc/$pid/status)"; done'
}

while kill -0 $recorder 2>/dev/null &&
        ! grep -q '^Writing the trace files' record.log; do
    sample >>memory.txt 2>/dev/null || true
    sleep 2
done
wait $recorder || lab_fail "the recording failed: $(cat record.log)"
session=$(product_session)
product_stop_marks
cat marks-host >count-host
lab_guest_exec vm1 cat /tmp/marks >count-vm1

# The mean of the last quarter against that of the second, when all is warm.
awk '{ kb[$1, ++n[$1]] = $2 }
    function mean(who, from, to,    i, sum) {
        for (i = from; i <= to; i++) { sum += kb[who, i] }
        return sum / (to - from + 1)
    }
    END {
        for (who in n) {
            quarter = int(n[who] / 4)
            if (quarter < 3) { continue }
            early = mean(who, quarter + 1, 2 * quarter)
            late = mean(who, n[who] - quarter + 1, n[who])
            printf "%s: %d samples, %d kB, then %d kB\n", who, n[who], early,
                late
            checked++
            grew += late > early + 256
        }
        exit grew || checked < 4
    }' memory.txt >memory-summary.txt && grew=0 || grew=1
cat memory-summary.txt
lab_assert_equal "a process grew" 0 $grew
