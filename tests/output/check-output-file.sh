#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What --output names is complete or not there, whatever happens.
#
# Usage: check-output-file.sh MAKE-SAMPLE PROGRAM

set -u

fail()
{
    echo "FAILED: $*; err: $(cat err)" >&2
    exit 1
}

# The directory out/ holds just these names.
expect_left()
{
    local left

    left=$(ls -A out | tr '\n' ' ')
    [ "$left" = "$*${*:+ }" ] || fail "left in out/: '$left', not '$*'"
}

report()
{
    "$program" report "$@" -i host.dat -i vm1.dat >stdout 2>err
}

work=$(mktemp -d "${TMPDIR:-/tmp}/output-XXXXXX")
# A background process that is killed before its exec() runs this trap, too,
# and then not even its builtin commands work.
trap 'case $BASHPID in $$) cd /; rm -rf "$work" ;; esac' EXIT
make_sample=$(realpath "$1")
program=$(realpath "$2")
cd "$work"
"$make_sample" .
mkdir out

# In each format: the file is what standard output gets.
for format in text json perfetto; do
    report --format $format || fail "$format fails"
    mv stdout expected
    report --format $format -o out/file || fail "$format -o fails"
    cmp expected out/file || fail "$format differs in a file"
    [ ! -s stdout ] || fail "$format -o writes to standard output, too"
    expect_left file
done
report --format ctf -o out/trace || fail "ctf fails"
[ -s out/trace/host.dat/metadata ] || fail "ctf has no metadata"
expect_left file trace
rm -r out/trace

# The old file stays when the new one can't be written.
cp out/file before
report --format no-such -o out/file && fail "an unknown format works"
grep -q "choose one of text, json, perfetto, ctf" err || fail "formats"
for format in text json perfetto; do
    # 8 blocks of 1 KiB; the signal for a file that is too big is ignored.
    (trap '' XFSZ; ulimit -f 8
     report --format $format -o out/file) && fail "$format has room"
    grep -q "cannot write out/file: File too large" err || fail "$format: room"
    cmp before out/file || fail "$format: the old file is gone"
    expect_left file
done
(trap '' XFSZ; ulimit -f 8
 report --format ctf -o out/trace) && fail "ctf has room"
grep -q "cannot write out/trace: File too large" err || fail "ctf: room"
expect_left file

# A killed run leaves nothing, or was quick enough to leave all of it.
rm out/file
report --format ctf -o trace || fail "ctf fails"
for i in $(seq 12); do
    "$program" report --format json -o out/file -i host.dat -i vm1.dat 2>err &
    sleep "0.0$i"
    kill -KILL $! 2>err
    wait $! 2>err
    if [ -e out/file ]; then
        tail -n 1 out/file | grep -q '"type":"end"' || fail "half a file"
        rm out/file
    fi
    expect_left
    "$program" report --format ctf -o out/trace -i host.dat -i vm1.dat 2>err &
    sleep "0.0$i"
    kill -TERM $! 2>err
    wait $! 2>err
    if [ -e out/trace ]; then
        diff -r trace out/trace || fail "half a trace"
        rm -r out/trace
    fi
    expect_left
done

# One that hangs on a pipe which nobody reads can be killed, too.
mkfifo pipe
sleep 1000 <>pipe &
reader=$!
"$program" report -o pipe -i host.dat -i vm1.dat 2>err &
writer=$!
until ls -l /proc/$writer/fd 2>/dev/null | grep -q "$work/pipe"; do
    kill -0 $writer 2>/dev/null || fail "it does not wait for the pipe"
    sleep 0.05
done
kill -TERM $writer
wait $writer
status=$?
kill $reader
[ $status = 143 ] || fail "exit status $status, not that of SIGTERM"
[ -p pipe ] || fail "the pipe was replaced"

# Nor does one whose format can't be written that way.
report --format ctf && fail "ctf to standard output works"
grep -q "name it with --output DIR" err || fail "ctf: what to do"
mkdir out/full
touch out/full/file
report --format ctf -o out/full && fail "ctf into a directory works"
grep -q "out/full: exists already" err || fail "ctf: exists"
expect_left full
report -o out/none/file && fail "a file in no directory works"
grep -q "cannot write out/none/file: No such file" err || fail "no directory"
expect_left full
echo "all of it is complete, or not there"
