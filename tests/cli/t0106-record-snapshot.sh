#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A flight recording keeps the latest events, ends at the guest's own trigger,
# and tells how far apart the machines froze.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest
record --duration 1 --snapshot
expect_status 0
expect_session complete
expect_events host
expect_events guest
expect err "^guest: the latest [1-9][0-9]* of [1-9][0-9]* events"
expect err "^  frozen as it was told, [0-9.]+ us (after|before) the host$"
expect "$session/session.json" '"cause": *"signal"'
expect "$session/session.json" '"cause": *"host"'
expect_restored

start_guest trigger
record --duration 60 --snapshot
expect_status 0
expect_session complete
expect err "^  frozen as its tracing was turned off, [0-9.]+ us before the host$"
expect_restored

record --duration 1 --stop-marker text
expect_status 1
expect_error "add --snapshot"
