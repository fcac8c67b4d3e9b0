#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that floods reaches its limit, one that says nothing for long, or a
# byte a second, is given up; the others go on.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/liars.sh"

need_tracing
start_guest
options=()
for lie in flood silence dribble; do
    start_liar "$lie"
done
# Some events, but far less than the limit.
while sleep 0.1; do :; done &
forker=$!
record_with_liars --duration 24 --max-size 30M -e sched:sched_process_fork \
    -E sched:sched_process_fork
kill $forker
expect_status 1
[ "$(grep -c '^qemu-trace-merge record: ' err)" = 1 ] ||
    fail "expected one sentence"
expect err "guest 'flood' reached its limit \(--max-size\); the others go on"
expect err "nothing comes any more from the recorder in guest 'silence'.*others"
[ "$(stat -c %s "$session/flood.stream")" -le $((30 << 20)) ] ||
    fail "the flood is stored beyond its limit"
expect_honest_unharmed
expect_clean out err
expect_restored
