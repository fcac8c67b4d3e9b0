#!/bin/bash
# Records a guest and its host until a thread of the guest wakes up too late,
# and says why it was late. To be run on the host, as root.
#
#     record-until-late.sh QMP-SOCKET QGA-SOCKET TRACE-SOCKET [MICROSECONDS]
#
# SPDX-License-Identifier: GPL-2.0-or-later

set -eu

sessions=$(mktemp -d late-XXXXXX)
qemu-trace-merge record --snapshot --output-dir "$sessions" \
    --qmp "$1" --qga "$2" --trace "$3" --buffer-size 16384 \
    -- cyclictest -q -m -p 80 -i 1000 -b "${4:-100}" -D 3600 || true
qemu-trace-merge explain "$sessions"/*Z
