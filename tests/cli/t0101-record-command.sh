#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A command runs in the guest; its output and status are ours.

. "$(dirname "$0")/lib.sh"

need_tracing
start_guest
record -- sh -c 'echo to stdout; echo to stderr >&2; sleep 0.3; exit 7'
expect_status 7
expect out "^to stdout$"
expect err "^to stderr$"
expect err "'sh' ended with exit status 7 in the guest"
expect_session complete
expect_events guest

record -- /no/such/program --duration 1
expect_status 125
expect_error "cannot run '/no/such/program' in guest 'guest'"
expect_restored
