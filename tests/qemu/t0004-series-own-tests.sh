#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Usage: t0004-series-own-tests.sh [VERSION]
#
# The tests that the series brings to QEMU pass: the qtest of
# query-vcpu-tsc-offset, and the guest agent's.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

exec "$root/qemu-patches/build-qemu.sh" "${1:-10.0}" --test
