# SPDX-License-Identifier: GPL-2.0-or-later
#
# The front door. Meson builds the project; what stands here is the set-up
# around it, so that a fresh Debian 12 machine needs one command.

BUILD := build
QEMU_VERSION := 10.0
# As new as Debian has it today; what is there tomorrow is another one.
QEMU_NEWEST := 10.2
export V

# Commands are shown with "make V=1".
ifeq ($(V),1)
Q :=
else
Q := @
endif

step = @printf '\n==> %s\n' "$(1)"

.PHONY: all help packages qemu lab-images check check-all demo bench bench-query bench-record check-newest fuzz install clean

all: packages
	$(call step,building the project in $(BUILD)/)
	$(Q)tests/build-project $(BUILD)

help:
	@echo 'make             build qemu-trace-merge and qga-trace in $(BUILD)/'
	@echo 'make demo        record a real KVM guest and its host in the lab,'
	@echo '                 show them on one timeline, and say why it was late'
	@echo 'make check       build with warnings as errors, and run the tests'
	@echo 'make check-all   the same with the long lab scenarios: libvirt, ...'
	@echo 'make bench       measure beside trace-cmd: reading, and with bench-record'
	@echo '                 recording (BENCH_HOST=, BENCH_GUEST=: two recorded files'
	@echo '                 to read instead of some that the lab records)'
	@echo 'make fuzz        fuzz each target for TIME seconds (default: 60)'
	@echo 'make qemu        build the patched QEMU (kept in the cache)'
	@echo 'make check-newest  build and test the series for QEMU $(QEMU_NEWEST), whose'
	@echo '                 source may be gone from the archive some day'
	@echo 'make bench-query time the query of TSC offsets'
	@echo 'make bench-record  only that of the recorder in a guest beside trace-cmd'
	@echo '                 agent (BENCH_ROUNDS=, BENCH_RATES=, BENCH_SECONDS=)'
	@echo 'make lab-images  make what the lab boots (kept in the cache)'
	@echo 'make packages    install the Debian packages that are missing'
	@echo 'make install     install the programs (after make; DESTDIR=...)'
	@echo 'make clean       remove $(BUILD)/; the cache stays'
	@echo 'With V=1 the commands are shown.'

packages:
	$(call step,checking the Debian packages)
	$(Q)tests/install-packages.sh

qemu: packages
	$(call step,patched QEMU $(QEMU_VERSION) (minutes the first time))
	$(Q)qemu-patches/build-qemu.sh $(QEMU_VERSION)

lab-images: qemu
	$(call step,kernels and images of the lab)
	$(Q)tests/lab/build-images >/dev/null
	$(Q)tests/lab/build-images --l1-kernel 6.12 --l2-kernel 6.12 >/dev/null

# One script, so that the last line is the count whatever fails.
check:
	$(Q)tests/run-check $(BUILD)

check-all:
	$(Q)tests/run-check $(BUILD) all

check-newest: packages
	$(call step,patched QEMU $(QEMU_NEWEST) (minutes the first time))
	$(Q)qemu-patches/build-qemu.sh $(QEMU_NEWEST)
	$(call step,tests of the series for QEMU $(QEMU_NEWEST))
	$(Q)tests/qemu/t0001-series-single-source.sh
	$(Q)tests/qemu/t0002-series-git-am.sh $(QEMU_NEWEST)
	$(Q)tests/qemu/t0003-series-checkpatch.sh $(QEMU_NEWEST)
	$(Q)tests/qemu/t0004-series-own-tests.sh $(QEMU_NEWEST)
	$(Q)tests/qemu/t0005-agent-guest-trace.py $(QEMU_NEWEST)
	$(Q)tests/qemu/t0006-series-docs.sh $(QEMU_NEWEST)
	$(Q)tests/qemu/t0007-query-boot-sector.py tcg $(QEMU_NEWEST)
	$(Q)tests/qemu/t0007-query-boot-sector.py kvm $(QEMU_NEWEST) || \
	    [ $$? = 77 ] # skipped: no /dev/kvm

bench-query: qemu
	$(Q)tests/qemu/bench-query.py $(QEMU_VERSION)

bench-record: all lab-images
	$(Q)tests/run-bench-record $(BUILD)

demo: all lab-images
	$(call step,recording a KVM guest and its host in the lab)
	$(Q)tests/run-demo $(BUILD)

# BENCH_FLAGS: see tests/bench/run --help.  Files that were named are read
# only; else the lab runs, which records, too.
bench: all $(if $(BENCH_HOST),,lab-images)
	$(Q)tests/run-bench $(BUILD) "$(BENCH_HOST)" "$(BENCH_GUEST)" $(BENCH_FLAGS)
ifeq ($(BENCH_HOST),)
	$(Q)tests/run-bench-record $(BUILD) || [ $$? = 77 ] # no lab: it says so
endif

# FUZZ_TARGETS: some of dat filter format json session stream; else all.
TIME ?= 60
fuzz:
	$(call step,checking the Debian packages)
	$(Q)tests/install-packages.sh fuzz
	$(Q)tests/fuzz/run $(BUILD)-fuzz $(TIME) $(FUZZ_TARGETS)

install:
	$(Q)meson install -C $(BUILD)

clean:
	$(Q)rm -rf $(BUILD)
