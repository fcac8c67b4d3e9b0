# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the scenarios' second halves share: they run on this machine, on what
# the first half recorded, since L1 is slow.  Sourced by scenarios/*.after.

set -Eeuo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lab.sh"
. "$(dirname "${BASH_SOURCE[0]}")/product.sh"
trap 'lab_report_failure $? "$BASH_COMMAND"' ERR

PATH=$LAB_BUILD/host-tool:$LAB_BUILD/tests/lab:$PATH
session=$(product_session)

# after_check: runs `check` on the session; its last counts are in $total.
# Whatever is analysed must add up, in every session.
after_check()
{
    check-breakdowns "$session"
    qemu-trace-merge check "$session" | tee check.txt
    total=$(grep '^total:' check.txt)
}
