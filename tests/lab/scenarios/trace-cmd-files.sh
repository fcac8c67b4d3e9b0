# SPDX-License-Identifier: GPL-2.0-or-later
#
# Files of every kind, made by trace-cmd itself.  trace-cmd-files.after
# compares how they are read.

# record FILE [OPTION...]: what trace-cmd makes of a short load.
record()
{
    local file=$1
    shift
    lab_log "trace-cmd records $file"
    trace-cmd record -q -o "$file" "$@" >"$file.log" 2>&1 ||
        lab_fail "trace-cmd record $*: $(tail -n 3 "$file.log")"
    rm "$file.log"
}

load="lab-load 1 2000"
tsc="-C x86-tsc"
zstd="--file-version 7 --compression zstd"

record v6.dat $tsc --file-version 6 -e sched -e irq -e timer -e syscalls $load
record v7-zstd.dat $tsc $zstd -e sched -e irq -e timer $load
record instances.dat $tsc --file-version 6 -e sched -B other -e irq -B third -e timer $load
record instances-v7.dat $tsc $zstd -e sched -B other -e irq -B third \
    -e timer $load
# The recorder wakes up too seldom for its small buffer.
record lost.dat $tsc --file-version 6 -b 8 -s 500000 -e sched -e syscalls -e timer $load
record mono.dat -C mono -e sched $load
record counter.dat -C counter -e sched $load
record uptime.dat -C uptime -e sched $load
record date.dat --date -e sched $load
record offset.dat --ts-offset 1000000 -e sched $load
record function.dat $tsc -p function -l 'hrtimer*' $load
record graph.dat $tsc -p function_graph -g do_nanosleep $load
ls -l >files.txt
