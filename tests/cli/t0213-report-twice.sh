#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A recording that is named twice, by whatever path, is refused by name: its
# events would all be counted twice.

. "$(dirname "$0")/lib.sh"

"$MAKE_SAMPLE" . || fail "there is no sample"
cp host.dat copy.dat
ln -s host.dat link.dat
mkdir session
ln -s session other

# refuse PATTERN COMMAND...
refuse()
{
    local pattern=$1
    shift
    "$QEMU_TRACE_MERGE" "$@" >out 2>err
    status=$?
    expect_status 1
    [ ! -s out ] || fail "'$*' prints something"
    [ "$(wc -l <err)" = 1 ] || fail "'$*': expected one sentence"
    expect err "^qemu-trace-merge $1: $pattern, and its events would be counted"
}

for command in report explain check; do
    refuse "host.dat is named twice" $command -i host.dat -i host.dat
    refuse "link.dat is the same recording as host.dat" \
        $command -i host.dat -i vm1.dat -i link.dat
    refuse "session is named twice" $command session session
    refuse "session/ is the same recording as session" \
        $command session session/
    refuse "other is the same recording as session" \
        $command session vm1=other
done
"$QEMU_TRACE_MERGE" report -i host.dat -i copy.dat >out 2>err ||
    fail "files of the same content are two"
