# SPDX-License-Identifier: GPL-2.0-or-later
#
# A KVM guest as most are: more vCPUs than the host has CPUs, nothing pinned,
# no trace channel, a QEMU that is asked for nothing.  everyday.after checks
# what was recorded.

. "$LAB_LIB/product.sh"
. "$LAB_LIB/bare.sh"

bare_guest --smp 4

record_as unpinned --offsets debugfs -- lab-load 3 500
lab_assert "that nothing is pinned is said" grep -q 'not pinned' unpinned/log
lab_assert "where the offsets are from is said" grep -q '(debugfs)' unpinned/log
expect_as_before "unpinned"

record_as inferred --offsets inferred -- lab-load 2 500
lab_assert "the bound is said" \
    grep -qE 'inferred, error up to [0-9]+' inferred/log
expect_as_before "inferred"

for tid in $(vcpu_threads); do
    taskset -p 2 "$tid" >/dev/null
done
record_as pinned -- lab-load 2 500
lab_assert "that all are pinned is said" \
    grep -q 'what runs on CPU 1 is recorded: the vCPUs are pinned' pinned/log
expect_as_before "pinned"
