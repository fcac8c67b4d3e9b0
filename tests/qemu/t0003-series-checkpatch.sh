#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Usage: t0003-series-checkpatch.sh [VERSION]
#
# QEMU's own checkpatch.pl finds nothing in any patch of the series.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
version=${1:-10.0}
status=0

qemu=$("$root/qemu-patches/build-qemu.sh" "$version")
for patch in "$root/qemu-patches/$version"/000[1-9]-*.patch; do
    if ! said=$(perl "$qemu/libexec/checkpatch.pl" --no-tree "$patch") ||
       ! grep -q '^total: 0 errors, 0 warnings' <<<"$said"; then
        echo "expected: 0 errors and 0 warnings in ${patch##*/}; got:"
        echo "$said"
        status=1
    fi
done
exit $status
