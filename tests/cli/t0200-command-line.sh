#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How commands and options are found, and what is said when they aren't.

. "$(dirname "$0")/lib.sh"

# tool ARGS...: output in out and err, exit status in $status
tool()
{
    "$QEMU_TRACE_MERGE" "$@" >out 2>err </dev/null
    status=$?
}

tool
expect_status 1
expect out "^  help "
tool help
expect_status 0
tool help report
expect_status 0
mv out of_help
tool report --help
cmp out of_help || fail "'help report' is not 'report --help'"

for words in "no-such" "help no-such"; do
    tool $words
    expect_status 1
    expect err "there is no command 'no-such'; .* lists them$"
done
mkdir vm1-dir
tool vm1-dir
expect_status 1
expect err "there is no command 'vm1-dir'; '.* report vm1-dir' shows"

# Recordings are root's, mostly, and their directories nobody else's.
if [ "$(id -u)" = 0 ] && setpriv --reuid=65534 true 2>/dev/null; then
    chmod 711 .
    chmod 700 vm1-dir
    setpriv --reuid=65534 --regid=65534 --clear-groups \
        "$QEMU_TRACE_MERGE" report vm1-dir >out 2>err </dev/null
    status=$?
    expect_status 1
    expect err "vm1-dir/session.json': Permission denied; .* with sudo$"
fi

# A value may stand at its option's letter; a flag has none.
"$MAKE_SAMPLE" . || fail "no sample was made"
tool report --head 3 -i host.dat -o expected
expect_status 0
tool report -ihost.dat -ofile --head 3
expect_status 0
cmp expected file || fail "-ihost.dat is not -i host.dat"
tool report -tR -i host.dat
expect_status 0
tool explain -N1 --no-statistics -i host.dat
expect_status 0
tool explain -Nx -i host.dat
expect_status 1
expect err "^qemu-trace-merge explain: .*x.* for -N$"
tool report -ti host.dat
expect_status 0
tool report -- -ihost.dat
expect_status 1
expect err "'-ihost.dat/session.json'"
