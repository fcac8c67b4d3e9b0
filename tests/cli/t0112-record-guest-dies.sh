#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest, an agent or a QEMU that ends is told of, and keeps what was recorded until then.

. "$(dirname "$0")/lib.sh"

need_tracing

# An agent that is gone is not waited for: what is said is not that it was slow.
for behaviour in agent-ends agent-restarts; do
    case $behaviour in
    agent-ends) sentence="qemu-ga has ended" ;;
    agent-restarts) sentence="qemu-ga was started anew" ;;
    esac
    start_guest $behaviour
    record --duration 3
    expect_status 1
    expect_error "will not answer guest-trace-start: $sentence"
    stop_guest
    expect_restored
done

for behaviour in die shutdown reset mute-later; do
    case $behaviour in
    die | shutdown) sentence="(QEMU of guest 'guest' has ended|shut down)" ;;
    reset) sentence="guest 'guest' was reset" ;;
    mute-later) sentence="did not stop as it should" ;;
    esac
    start_guest $behaviour
    record --duration 3
    expect_status 1
    expect_error "$sentence"
    expect_session complete
    expect_events host
    expect_events guest
    stop_guest
    expect_restored
done
