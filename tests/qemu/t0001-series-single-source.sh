#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the series adds to QEMU is what stands in qapi/ and qga/.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

exec /usr/bin/python3 "$root/tests/qemu/check-single-source.py" "$root"
