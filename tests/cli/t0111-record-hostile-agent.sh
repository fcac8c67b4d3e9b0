#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# An agent that sends nonsense neither hangs nor confuses us.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest babbling-agent
record --duration 1
expect_status 1
expect_error "the guest agent"
expect_no_session

start_guest stale-agent,stale-trace
record --duration 0.5
expect_status 0
expect_session complete
expect_events guest
expect_restored
