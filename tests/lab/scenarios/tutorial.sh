# SPDX-License-Identifier: GPL-2.0-or-later
#
# The commands of docs/tutorial.md, one after the other, with the output that
# is shown there.  A test holds the two together.

. "$LAB_LIB/product.sh"

# A shell on the host, and one in the guest: the command is shown, then run.
on_host()
{
    lab_log "host# $1"
    eval "$1"
}

in_guest()
{
    lab_log "guest# $1"
    lab_guest_exec vm1 sh -c "$1" 2>&1
}

lab_start_guest vm1 --smp 2
cd "$LAB_DIR/vm1"

# What disturbs the guest: the host's nightly backup, with a priority that
# somebody once gave it.
cp /bin/busybox /bin/backup
chrt -f 60 /bin/backup sh -c 'while :; do
    i=0
    while [ $i -lt 3000 ]; do i=$((i + 1)); done
    /bin/backup usleep 300000
done' &
backup=$!

on_host 'qemu-trace-merge serve --name vm1 --qmp qmp.sock --qga qga.sock --trace trace.sock --allow default 2>serve.log &'
server=$!
lab_wait_for 30 grep -q 'listening for requests' serve.log

in_guest 'cyclictest -q -m -p 80 -i 1000 -D 5'
in_guest 'qga-trace record --snapshot -- cyclictest -q -m -p 80 -i 1000 -b 4000 -D 60'
lab_wait_for 120 grep -q 'next: qemu-trace-merge report' serve.log
on_host 'cat serve.log'
late=$(echo vm1-2*)
mv "$late" late

on_host 'qemu-trace-merge check late'
on_host 'qemu-trace-merge explain late -N 1' | tee explain.txt
lab_assert "the culprit is named" grep -q 'backup' explain.txt

kill -9 $backup
in_guest 'qga-trace record -- cyclictest -q -m -p 80 -i 1000 -D 5'
lab_wait_for 120 sh -c \
    '[ "$(grep -c "next: qemu-trace-merge report" serve.log)" = 2 ]'
mv vm1-2* better
on_host 'qemu-trace-merge explain better -N 1'
on_host 'qemu-trace-merge diff late better'

kill $server
wait $server || true
cp serve.log explain.txt "$LAB_RESULTS"
