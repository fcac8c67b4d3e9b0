# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a page costs the guest on its way into the port, by read, by splice and,
# where the kernel has it, by the mapped ring buffer.  The guest's clock counts
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
ways="read splice bare-splice map"
for way in $ways; do
    lab_guest_exec vm1 lab-pages $way "$port" 9 >>runs.txt 2>>no-way.txt ||
        [ $way = map ]
done
kill $sink
lab_log "Linux $(lab_guest_exec vm1 uname -r): of the guest, for each MiB of" \
    "pages, thousands of instructions and sends; medians"
for way in $ways; do
    awk -v way=$way '$1 == "way=" way {
        split($2, b, "="); split($3, n, "="); split($4, s, "=")
        if (b[2] > 0) { print n[2] / b[2] * 1048.576, s[2] / b[2] * 1048576 }
    }' runs.txt | sort -n >"$way.txt"
    [ -s "$way.txt" ] || { lab_log "$way: $(tail -n 1 no-way.txt)"; continue; }
    # shellcheck disable=SC2046 # two figures
    printf '%-12s %6.0f k %6.1f, from %.0f to %.0f k\n' $way \
        $(sed -n "$((($(wc -l <"$way.txt") + 1) / 2))p" "$way.txt") \
        "$(sed -n '1s/ .*//p' "$way.txt")" "$(sed -n '$s/ .*//p' "$way.txt")"
done
lab_assert "read was measured" [ -s read.txt ]
lab_assert "splice was measured" [ -s splice.txt ]
