#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whichever process of a recording is killed, and whenever: what was received
# is readable and nothing is left behind.  How often is the environment's
# choice.

. "$(dirname "$0")/lib.sh"

need_tracing
mkdir kills
"$KILL_RUNS" "$QEMU_TRACE_MERGE" "$FAKE_GUEST" kills \
    --runs "${KILL_COUNT:-24}" --jobs 4 >out 2>err ||
    fail "a recording did not take a kill well"
cat out
