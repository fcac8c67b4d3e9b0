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
v6="--file-version 6"
zstd="--file-version 7 --compression zstd"

record v6.dat $tsc $v6 -e sched -e irq -e timer -e syscalls $load
record v7-zstd.dat $tsc $zstd -e sched -e irq -e timer $load
record instances.dat $tsc $v6 -e sched -B other -e irq -B third -e timer $load
record instances-v7.dat $tsc $zstd -e sched -B other -e irq -B third \
    -e timer $load
record mono.dat -C mono -e sched $load
record counter.dat -C counter -e sched $load
record uptime.dat -C uptime -e sched $load
record date.dat --date -e sched $load
record offset.dat --ts-offset 1000000 -e sched $load
record function.dat $tsc -p function -l 'hrtimer*' $load
record graph.dat $tsc -p function_graph -g do_nanosleep $load

# Nobody reads the small buffer while it is written over.
lab_log "trace-cmd extracts lost.dat"
trace-cmd start $tsc -b 8 -e sched -e timer >lost.log 2>&1
$load
trace-cmd stop >>lost.log 2>&1
trace-cmd extract -o lost.dat >>lost.log 2>&1 ||
    lab_fail "trace-cmd extract: $(tail -n 3 lost.log)"
trace-cmd reset >>lost.log 2>&1
ls -l >files.txt
