#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every command line that the documentation shows does what it is shown for.
# What needs a domain of libvirt, or a guest's shell, is run by the lab's
# scenario "documented".

. "$(dirname "$0")/lib.sh"

need_tracing
source=$(cd "$(dirname "$0")/../.." && pwd)

# The programs by the names that people type; what cyclictest needs is a guest.
mkdir bin
ln -s "$QEMU_TRACE_MERGE" bin/qemu-trace-merge
ln -s "$QGA_TRACE" bin/qga-trace
printf '#!/bin/sh\nexec sleep 1\n' >bin/cyclictest
chmod +x bin/cyclictest
export PATH=$work/bin:$PATH

start_guest
for end in qmp qga trace; do
    ln -s guest/$end "vm1.$end"
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
host_seconds=$(qemu-trace-merge report DIR | sed -n \
    's/^ *host: .* \([0-9]\+\.[0-9]\+\): .*/\1/p' | head -n 1)

# run STATUS... -- COMMAND: it ends with one of these, and is understood.
run()
{
    local expected=

    while [ "$1" != -- ]; do
        expected+=" $1"
        shift
    done
    shift
    eval "timeout ${limit:-60} $1" >out 2>err </dev/null
    status=$?
    [[ "$expected " == *" $status "* ]] ||
        fail "$file: '$1' ended with $status"
    ! grep -qi 'usage:\|unknown option\|is no option' err ||
        fail "$file: '$1' is not understood"
    n_run=$((n_run + 1))
}

# run_one COMMAND, as $file shows it
run_one()
{
    local command=${1//vm1-20261124T081422Z/$session}

    case $command in
    *--domain*|virsh*|socat*)
        n_left=$((n_left + 1))
        ;;
    qga-trace*-o*)
        # Into a file: that needs no host.
        run 0 -- "${command/ record/ record --state-dir $work/state}"
        [ -s guest.stream ] || fail "$file: '$1' made no stream"
        rm -f guest.stream
        ;;
    qga-trace*)
        n_left=$((n_left + 1))
        ;;
    "trace-cmd record -A")
        # It is named, and not to be typed like that.
        ;;
    "trace-cmd report"*)
        run 0 -- "$command"
        expect out ' sched_'
        ;;
    jq*)
        run 0 -- "qemu-trace-merge report DIR --format json | $command"
        expect out '"machine":"vm1"'
        ;;
    make*)
        for word in ${command//make/}; do
            [ "$word" = '&&' ] ||
                run 0 -- "make -n -C '$source' BUILD='$work/none' $word"
        done
        ;;
    systemctl*)
        unit=${command##* }
        [ -s "$source/host-tool/${unit%@*}@.service.in" ] ||
            fail "$file: '$1' names no unit of ours"
        n_run=$((n_run + 1))
        ;;
    *" serve "*)
        # Until it is told to end.
        limit="--preserve-status -s TERM 3" run 0 -- "$command"
        expect err 'listening for requests'
        ;;
    *" explain "*)
        run 0 1 -- "$command"
        [ -s out ] || fail "$file: '$1' prints nothing"
        ;;
    *" report DIR --around "*)
        run 0 -- "${command/58.973710/$host_seconds}"
        expect out '^ *(host|vm1): '
        ;;
    qemu-trace-merge*" function "*)
        # Not every kernel lets its functions be traced, or has KVM's.
        run 0 1 -- "$command"
        [ $status = 0 ] || expect err 'kernel (refuses to trace|has no)'
        ;;
    *" report "*kvm_*)
        run 0 1 -- "$command"
        # Where this machine's kernel has no KVM, it is said.
        if [ $status = 1 ]; then
            expect err "kvm_.*' names no event of these recordings"
            ! grep -qa 'name: kvm_exit' host.dat ||
                fail "$file: '$1': host.dat has kvm_exit"
        fi
        ;;
    *" report "*)
        run 0 -- "$command"
        ;;
    qemu-trace-merge*)
        run 0 -- "$command"
        expect err 'next: qemu-trace-merge report'
        ;;
    *)
        fail "$file: nobody runs '$1'"
        ;;
    esac
}

"$(dirname "$0")/doc-commands.py" "$source/README.md" "$source"/docs/*.md \
    "$source"/docs/*.scd >commands || fail "cannot read the documentation"
n_run=0 n_left=0
# Not from its own input: a command may read that.
while IFS=$'\t' read -r file command <&3; do
    echo "$file: $command"
    run_one "$command"
done 3<commands
echo "$n_run were run, $n_left are left to the lab"
[ $n_run -ge 20 ] || fail "expected 20 commands, $n_run were run"
expect_restored
