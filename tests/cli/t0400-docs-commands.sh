#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every command line that the documentation shows does what it is shown for.

. "$(dirname "$0")/lib.sh"

need_tracing
source=$(cd "$(dirname "$0")/../.." && pwd)

# The programs by the names that people type, and what they record.
mkdir bin
ln -s "$QEMU_TRACE_MERGE" bin/qemu-trace-merge
ln -s "$QGA_TRACE" bin/qga-trace
printf '#!/bin/sh\nexec sleep 1\n' >bin/cyclictest
chmod +x bin/cyclictest
export PATH=$work/bin:$PATH

start_guest
for end in qmp qga trace; do
    ln -s guest/$end "vm1.$end"
    ln -s guest/$end "$end.sock"
done

# What the commands that read have to read.
qemu-trace-merge record --name vm1 --qmp guest/qmp --qga guest/qga \
    --trace guest/trace --duration 1 -q >out 2>err ||
    fail "cannot record a session"
session=$(ls -d vm1-2*)
ln -s "$session" DIR
cp "$session/host.dat" host.dat
for name in guest vm1 inner; do
    cp "$session/vm1.dat" $name.dat
done

"$(dirname "$0")/doc-commands.py" "$source/README.md" "$source"/docs/*.md \
    "$source"/docs/*.scd >commands
[ "$(wc -l <commands)" -gt 10 ] || fail "found too few commands"

n_run=0
# Not from the list: what a command reads from its input is not the list's.
while IFS=$'\t' read -r file command <&3; do
    expected=0
    case $command in
    make*|systemctl*|virsh*)
        # Demonstrations and scenarios of their own: tests/lab.
        continue
        ;;
    qga-trace*--output*|qga-trace*-o*)
        command=${command/ record/ record --state-dir $work/state}
        ;;
    qga-trace*)
        # It needs a guest; that it is understood shows here.
        eval "timeout 60 $command" >out 2>err </dev/null
        expect err "virtio-serial port|needs root|nobody listens|taken"
        n_run=$((n_run + 1))
        continue
        ;;
    *" serve "*)
        # Until it is told to end.
        command="timeout --preserve-status -s TERM 3 $command"
        ;;
    *" diff "*)
        command=${command/ A B/ DIR DIR}
        ;;
    *" check "*|*" explain "*)
        # What they find is not of interest here, but that they look.
        expected="0 1 2"
        ;;
    esac
    command=${command//vm1-20261122T223142Z/$session}
    eval "timeout 60 $command" >out 2>err </dev/null
    status=$?
    [[ " $expected " == *" $status "* ]] ||
        fail "$file: '$command' ended with $status"
    ! grep -q 'Usage:\|is no option\|Unknown option' err ||
        fail "$file: '$command' is not understood"
    n_run=$((n_run + 1))
done 3<commands
echo "$n_run commands were run"
[ $n_run -gt 8 ] || fail "only $n_run commands were run"
expect_restored
