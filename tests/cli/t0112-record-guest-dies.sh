#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest or a QEMU that ends keeps what was recorded until then.

. "$(dirname "$0")/lib.sh"

need_tracing
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
