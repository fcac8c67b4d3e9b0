#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest's agent, or a QEMU, that lies in one of its replies: one sentence, or
# none where it does not matter, and tracing is as it was.  Which part of the
# lies is told is the environment's choice.

. "$(dirname "$0")/lib.sh"

need_tracing
mkdir lies
"$AGENT_LIES" "$QEMU_TRACE_MERGE" "$FAKE_GUEST" lies \
    --every "${AGENT_LIES_EVERY:-17}" >out 2>err ||
    fail "not all lies were taken well"
cat out
