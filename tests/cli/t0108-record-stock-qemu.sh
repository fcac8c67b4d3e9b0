#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A QEMU that doesn't tell TSC offsets: it is recorded, and a clock that nobody
# knows is never passed off as one that is known.  (The fake guest's vCPUs are
# not what its events come from: no offset explains them, or one that hardly
# says anything does by chance.)

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest no-command,tcg
record --duration 1
expect_status 0
expect_session complete
expect err "inferred, error (unknown|up to [0-9]{6,})"
expect err "note: guest CPU 0: .*inferred"
expect err "Synchronisation: (UNPROVED|BROKEN)"
expect "$session/session.json" '"provenance": *"inferred"'
expect_restored
