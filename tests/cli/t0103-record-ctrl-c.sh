#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Ctrl-C ends a recording properly.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest
for signal in INT TERM HUP; do
    rm -rf guest-2*
    "$QEMU_TRACE_MERGE" record --qmp guest/qmp --qga guest/qga \
        --trace guest/trace >out 2>err </dev/null &
    recorder=$!
    for _ in $(seq 100); do
        grep -q "press Ctrl-C" err && break
        sleep 0.05
    done
    # bash starts background jobs with SIGINT ignored; a blocked signal that
    # is ignored never arrives.
    if [ $signal = INT ]; then
        python3 - $recorder <<'PY' || signal=TERM
import sys
text = open('/proc/%s/status' % sys.argv[1]).read()
ignored = [l for l in text.splitlines() if l.startswith('SigIgn')][0]
sys.exit(int(ignored.split()[1], 16) >> 1 & 1)
PY
    fi
    kill -$signal $recorder
    wait $recorder
    status=$?
    expect_status 0
    expect_session complete
    expect_events host
    expect_events guest
    expect_restored
done
