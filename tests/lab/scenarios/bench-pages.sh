# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a page costs the guest on its way into the port, by read and write, by
# splice of what was read or of the page itself and, where the kernel has it, by
# the mapped ring buffer.  The guest's clock counts
# its instructions (-icount), so that the figures are the same on any machine
# however busy: a nanosecond of processor time is one instruction.  Its copying
# is told to be done by words, as an instruction that copies bytes counts each.

lab_start_guest vm1 --smp 1 --accel tcg -icount shift=0,sleep=off \
    -cpu max,erms=off,fsrm=off
port=$(lab_guest_exec vm1 sh -c '
    for dir in /sys/class/virtio-ports/*; do
        [ "$(cat "$dir/name")" != org.qemu.trace.0 ] || echo "/dev/${dir##*/}"
    done')
lab-pages sink "$LAB_DIR/vm1/trace.sock" &
sink=$!
ways="read gather splice bare-splice map"
# A recording's events are small; the large ones show what is not each event's.
sizes="48 1000"
for bytes in $sizes; do
    for way in $ways; do
        lab_guest_exec vm1 lab-pages $way "$port" 9 "$bytes" \
            >"$way-$bytes.txt" 2>"no-$way.txt" || [ $way = map ]
    done
done
kill $sink

# median FILE KEY: of what KEY= counts, for each MiB of pages.
median()
{
    awk -v key="$2=" '
        { split($2, bytes, "=") }
        bytes[2] > 0 {
            for (i = 3; i <= NF; i++) {
                if (index($i, key) == 1) {
                    print substr($i, length(key) + 1) / bytes[2] * 1048576
                }
            }
        }' "$1" | sort -n | awk '{ all[NR] = $1 }
            END { print all[int((NR + 1) / 2)] }'
}

lab_log "Linux $(lab_guest_exec vm1 uname -r): of the guest, for each MiB of" \
    "pages, thousands of instructions and sends; medians"
printf '%-12s %14s %14s %6s\n' way "48-byte events" "1000-byte ones" sends
for way in $ways; do
    if [ ! -s "$way-48.txt" ]; then
        printf '%-12s %s\n' $way "$(tail -n 1 "no-$way.txt")"
        continue
    fi
    printf '%-12s %14.0f %14.0f %6.1f\n' $way \
        "$(median "$way-48.txt" spent_ns | awk '{ print $1 / 1000 }')" \
        "$(median "$way-1000.txt" spent_ns | awk '{ print $1 / 1000 }')" \
        "$(median "$way-48.txt" sends)"
done
for way in read splice; do
    lab_assert "$way was measured" [ -s $way-48.txt ]
done
