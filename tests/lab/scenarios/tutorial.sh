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

await_sessions()
{
    lab_wait_for 120 sh -c \
        "[ \"\$(grep -c 'next: qemu-trace-merge report' serve.log)\" = $1 ]" ||
        lab_fail "no recording was made: $(cat serve.log)"
}

lab_start_guest vm1 --smp 2
cd "$LAB_DIR/vm1"

# What disturbs the guest: the host's backup, which somebody once gave a
# real-time priority, and a CPU that a vCPU is pinned to.
taskset -p 1 "$(lab_qmp vm1 '{"execute": "query-cpus-fast"}' |
    lab_json '.return[0].thread-id')" >/dev/null
taskset -p 2 "$(lab_qmp vm1 '{"execute": "query-cpus-fast"}' |
    lab_json '.return[1].thread-id')" >/dev/null
cp /usr/bin/lab-spike /tmp/backup-job
while :; do
    /tmp/backup-job hog 1 80 400
    sleep 1
done &
backup=$!

in_guest 'cyclictest -q -m -a 1 -t 1 -p 80 -i 1000 -D 8'

on_host 'qemu-trace-merge serve --name vm1 --qmp qmp.sock --qga qga.sock --trace trace.sock --allow default 2>serve.log &'
server=$!
lab_wait_for 30 grep -q 'listening for requests' serve.log

in_guest 'qga-trace record --snapshot -- cyclictest -q -m -a 1 -t 1 -p 80 -i 1000 -b 250000 -D 60'
await_sessions 1
on_host 'cat serve.log'
mv vm1-2* late
on_host 'qemu-trace-merge check late'
on_host 'qemu-trace-merge explain -N 1 late' | tee explain.txt
lab_assert "the culprit is named" grep -q 'behind backup-job-' explain.txt
on_host 'qemu-trace-merge explain --format html -o late.html late'

# The remedy: the backup gets the priority that it should have had.
kill $backup
wait $backup 2>/dev/null || true
while :; do
    /tmp/backup-job hog 1 0 400
    sleep 1
done &
backup=$!
in_guest 'qga-trace record -- cyclictest -q -m -a 1 -t 1 -p 80 -i 1000 -D 5'
await_sessions 2
mv vm1-2* better
on_host 'qemu-trace-merge diff late better'

kill $backup $server
wait $server || true
mkdir "$LAB_RESULTS/tutorial"
cp -r serve.log explain.txt late.html late better "$LAB_RESULTS/tutorial"
