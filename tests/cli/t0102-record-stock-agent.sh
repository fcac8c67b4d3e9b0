#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An agent without guest-trace commands runs qga-trace.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest stock-agent
record --duration 0.5
expect_status 0
expect_session complete
expect_events guest
expect_restored

record --duration 0.5 -E no_such_event
expect_status 1
expect_error "no_such_event"
expect_no_session

start_guest stock-agent,no-qga-trace
record --duration 0.5
expect_status 1
expect_error "there is no qga-trace in the guest"
expect_no_session
expect_restored
