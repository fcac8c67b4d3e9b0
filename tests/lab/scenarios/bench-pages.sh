# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a page costs the guest on its way into the port, by read, by splice and,
# where the kernel has it, by the mapped ring buffer: processor time per MB.

lab_start_guest vm1 --smp 2
port=$(lab_guest_exec vm1 sh -c '
    for dir in /sys/class/virtio-ports/*; do
        [ "$(cat "$dir/name")" != org.qemu.trace.0 ] || echo "/dev/${dir##*/}"
    done')
lab-pages sink "$LAB_DIR/vm1/trace.sock" &
sink=$!
for ((round = 0; round < 6; round++)); do
    for way in read splice map; do
        lab_guest_exec vm1 lab-pages $way "$port" 4 >>runs.txt 2>>no-way.txt ||
            [ $way = map ]
    done
done
kill $sink
for way in read splice map; do
    awk -v way=$way '$1 == "way=" way {
        split($2, b, "="); split($3, n, "=")
        if (b[2] > 0) { print n[2] / b[2] * 1.048576 }
    }' runs.txt | sort -n >"$way.txt"
    [ -s "$way.txt" ] || { lab_log "$way: $(tail -n 1 no-way.txt)"; continue; }
    lab_log "$way: $(sed -n "$((($(wc -l <"$way.txt") + 1) / 2))p" "$way.txt")" \
        "ms of the guest per MiB, median of $(wc -l <"$way.txt")"
done
lab_assert "read was measured" [ -s read.txt ]
lab_assert "splice was measured" [ -s splice.txt ]
