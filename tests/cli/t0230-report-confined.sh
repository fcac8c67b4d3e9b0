#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What guests wrote is read by a process without privileges, in each command
# and for each format; where a wall is missing, a warning says so.

. "$(dirname "$0")/lib.sh"

"$MAKE_SAMPLE" . || fail "there is no sample"
inputs=(-i host.dat -i vm1.dat)

# Starts the command with its output into a pipe that nobody reads yet, so
# that it waits in the middle of its work. $child is the process that does it.
start_held()
{
    rm -f pipe
    mkfifo pipe
    sleep 1000 <>pipe &
    holder=$!
    "$QEMU_TRACE_MERGE" "$@" "${inputs[@]}" -o pipe 2>err &
    command=$!
    for _ in $(seq 200); do
        child=$(pgrep -P $command)
        # Held: it has written what the pipe takes, or all that there is.
        [ -n "$child" ] && grep -q "^Seccomp:.*2" "/proc/$child/status" && return
        sleep 0.02
    done
    fail "$1 starts no confined process"
}

end_held()
{
    exec 9<pipe
    kill $holder
    wait $holder 2>/dev/null
    cat <&9 >out
    exec 9<&-
    wait $command || fail "it fails: $(cat err)"
}

# All input must be more than a pipe takes, so that it is still there.
for number in 1 2 3 4 5 6 7 8; do
    cp host.dat "host$number.dat"
    cp vm1.dat "guest$number.dat"
    inputs+=(-i "host$number.dat" -i "guest$number.dat")
done
all_inputs=("${inputs[@]}")

for command_line in "report" "report --format json" "report --format perfetto"; do
    start_held $command_line
    status=/proc/$child/status
    for line in CapInh CapPrm CapEff CapAmb; do
        grep -q "^$line:.*0000000000000000$" $status ||
            fail "$command_line: $(grep $line $status)"
    done
    grep -q "^NoNewPrivs:.*1$" $status || fail "$command_line: NoNewPrivs"
    if [ "$(id -u)" = 0 ]; then
        grep -q "^CapBnd:.*0000000000000000$" $status || fail "CapBnd"
        grep -qP "^Uid:\t65534\t65534\t65534\t65534$" $status || fail "Uid"
        grep -qP "^Gid:\t65534\t65534\t65534\t65534$" $status || fail "Gid"
        # Nothing but what it reads and writes is open.
        for fd in /proc/"$child"/fd/*; do
            case $(readlink "$fd") in
            /dev/null|"$work"/*|"pipe:["*) ;;
            *) fail "$command_line has $(readlink "$fd") open" ;;
            esac
        done
    fi
    end_held
    [ -s out ] || fail "$command_line wrote nothing"
done

# It doesn't have the terminal itself, so that it can't read what its user types.
rm -f pipe
mkfifo pipe
sleep 1000 <>pipe &
holder=$!
printf -v words '%q ' "$QEMU_TRACE_MERGE" report "${inputs[@]}" -o pipe
script -qec "exec $words" typescript >/dev/null </dev/null &
terminal=$!
child=
for _ in $(seq 200); do
    command=$(pgrep -P $terminal)
    child=${command:+$(pgrep -P "$command")}
    [ -n "$child" ] && grep -q "^Seccomp:.*2" "/proc/$child/status" && break
    sleep 0.02
done
[ -n "$child" ] || fail "report starts no confined process on a terminal"
for fd in /proc/"$child"/fd/*; do
    case $(readlink "$fd") in
    /dev/pts/* | /dev/tty*) fail "descriptor ${fd##*/} is the terminal" ;;
    esac
done
exec 9<pipe
kill $holder
wait $holder 2>/dev/null
cat <&9 >out
exec 9<&-
wait $terminal || fail "report fails on a terminal: $(cat typescript)"
[ -s out ] || fail "report wrote nothing on a terminal"
inputs=("${inputs[@]:0:4}")

# The same bytes come out, whatever walls are missing, and one line tells.
"$QEMU_TRACE_MERGE" report "${inputs[@]}" >whole 2>err || fail "report"
! grep -q warning: err || fail "a warning on this kernel"
for walls in landlock both; do
    "$WITHOUT_WALLS" $walls "$QEMU_TRACE_MERGE" report "${inputs[@]}" \
        >out 2>err || fail "report without $walls"
    cmp whole out || fail "without $walls the report differs"
    [ "$(grep -c "warning: This kernel has no Landlock" err)" = 1 ] ||
        fail "no warning without $walls"
done
grep -q "and no seccomp filters: untrusted data was read" err ||
    fail "no warning without seccomp"

# Limits end it with one message, and leave no file.
expect_limit()
{
    local message=$1
    shift
    "$QEMU_TRACE_MERGE" report "${inputs[@]}" -o file "$@" 2>err &&
        fail "$* has no effect"
    grep -q "$message" err || fail "$*: $(cat err)"
    [ ! -e file ] || fail "$* leaves a file"
}
expect_limit "File too large" --limit output=1K
expect_limit "raise --limit memory" --limit memory=1M
# Of a directory: all its files together.
"$QEMU_TRACE_MERGE" report "${inputs[@]}" --format ctf -o trace ||
    fail "report --format ctf"
largest=$(find trace -type f -printf '%s\n' | sort -n | tail -1)
rm -r trace
"$QEMU_TRACE_MERGE" report "${inputs[@]}" --format ctf -o trace \
    --limit output="$largest" 2>err && fail "all files together are too much"
expect err "it wrote too much.*raise --limit memory, cpu-time or output"
[ ! -e trace ] || fail "what is too much is left"
expect_limit "the limit cpu-time is seconds from 1 to 1000000000, not '0'" \
    --limit cpu-time=0
expect_limit "'frames=1' sets no limit of this command" --limit frames=1
expect_limit "2 CPUs, above the limit cpus" --limit cpus=1

# Those of texts cost what they are about.
"$QEMU_TRACE_MERGE" report "${inputs[@]}" --limit events=1 >out 2>err ||
    fail "--limit events"
expect err "events in system [a-z]*, above the limit events"
"$QEMU_TRACE_MERGE" report "${inputs[@]}" --limit systems=1 >out 2>err ||
    fail "--limit systems"
expect err "event systems, above the limit systems"
"$QEMU_TRACE_MERGE" report "${inputs[@]}" --limit events=1000 \
    --limit systems=100 --limit cpus=2 >out 2>err || fail "limits that hold"
cmp whole out || fail "limits that hold change the report"

# One that is ended leaves nothing, nor a process.
for signal in INT TERM HUP; do
    mkdir -p dir
    (trap - INT; exec "$QEMU_TRACE_MERGE" report --format ctf -o dir/trace \
        "${all_inputs[@]}") 2>err &
    command=$!
    sleep 0.02
    kill -$signal $command
    wait $command
    [ ! -e dir/trace ] || rm -r dir/trace # it was quicker
    [ -z "$(ls -A dir)" ] || fail "$signal leaves $(ls -A dir)"
    [ -z "$(pgrep -P $command)" ] || fail "$signal leaves a process"
done
