# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that is lent a recorder, gets no channel, and a recording that is
# killed: the guest has afterwards what it had before.

. "$LAB_LIB/product.sh"
. "$LAB_LIB/bare.sh"

bare_guest

record_as pulled --pull --push-recorder -- lab-load 2 500
lab_assert "that it is slow is said" grep -q 'through the agent' pulled/log
expect_as_before "pulled"

# kill -9 of the recording, and of the host's recorder.
mkdir killed
qemu-trace-merge --name vm1 --qmp "$LAB_DIR/vm1/qmp.sock" \
    --qga "$LAB_DIR/vm1/qga.sock" --output-dir killed --push-recorder \
    >killed/log 2>&1 &
recorder=$!
lab_wait_for 60 grep -q '^Recording to' killed/log
kill -9 $recorder
wait $recorder 2>/dev/null || true
lab_wait_for 40 eval 'state >state.after; cmp -s state.before state.after' ||
    true
expect_as_before "killed"
