#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whatever a guest's stream says, it is refused or kept with one clear message,
# within limits, and nothing of it gets out; tell-lies.py has the details.

. "$(dirname "$0")/lib.sh"

mkdir lies
flags=
[ "${LIES_SANITIZED:-}" != 1 ] || flags=--sanitized
"$TELL_LIES" "$QEMU_TRACE_MERGE" "$LAB_LIAR" lies $flags \
    --view report --view explain >out 2>err ||
    fail "not all lies were taken well"
cat out
