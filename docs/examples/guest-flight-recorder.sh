#!/bin/bash
# Asks the host to keep a flight recording of both until the given program has
# ended, and to let nothing but its scheduling events be recorded. To be run in
# the guest, as root; on the host, "qemu-trace-merge serve --allow sched" must
# be running for it.
#
#     guest-flight-recorder.sh PROGRAM [ARGUMENT...]
#
# SPDX-License-Identifier: GPL-2.0-or-later

set -eu

exec qga-trace record --snapshot --host-event sched -- "$@"
