#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whatever a guest's stream says, it is refused or kept with one clear message,
# within limits, and nothing of it gets out; tell-lies.py has the details.
# Whether all programs look at it is the environment's choice.

. "$(dirname "$0")/lib.sh"

mkdir lies
views=(--view report --view explain)
[ "${LIES_VIEWS:-}" != all ] || views=()
"$TELL_LIES" "$QEMU_TRACE_MERGE" "$LAB_LIAR" lies "${views[@]}" \
    >out 2>err ||
    fail "not all lies were taken well"
cat out
