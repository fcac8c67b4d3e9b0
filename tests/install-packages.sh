#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Installs the Debian packages that building and testing need: only those
# that are missing, and nothing at all when none is. Needs root only then.
# With the argument "fuzz" also those of "make fuzz".

set -euo pipefail

packages=(
    # building the project
    gcc libc6-dev make meson ninja-build pkg-config
    libglib2.0-dev libjson-c-dev libprotobuf-c-dev libseccomp-dev
    libtraceevent-dev libtracefs-dev libvirt-dev libzstd-dev
    protobuf-c-compiler scdoc zlib1g-dev
    # fetching, patching and building QEMU
    bison bzip2 ca-certificates dpkg-dev flex git libcap-ng-dev libfdt-dev
    libpixman-1-dev patch python3 python3-sphinx
    python3-sphinx-rtd-theme python3-venv xz-utils
    # the lab's images
    bash busybox-static cpio kmod msr-tools rt-tests
    # tests that look at pages
    chromium chromium-driver
    # tests that compare with other programs
    babeltrace2 jq protobuf-compiler trace-cmd
    # tests with domains of libvirt, and what a distribution has in guests
    libvirt-clients libvirt-daemon-driver-qemu libvirt-daemon-system
    qemu-guest-agent qemu-system-x86
)

# libFuzzer comes with clang.
[ "${1:-}" != fuzz ] || packages+=(clang libclang-rt-14-dev)

have()
{
    local status

    # The pattern keeps packages that are removed but not purged out.
    status=$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null) || return 1
    [[ $status == ii* ]]
}

missing=()
for package in "${packages[@]}"; do
    have "$package" || missing+=("$package")
done

if [ ${#missing[@]} = 0 ]; then
    echo "packages: all ${#packages[@]} are installed"
    exit 0
fi

if [ "$(id -u)" != 0 ]; then
    echo "install-packages.sh: these packages are missing: ${missing[*]}." \
         "Run it as root, or install them with apt-get." >&2
    exit 1
fi

echo "packages: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# A source that can't be reached must not stop those that can.
apt-get -q -o Acquire::Retries=3 update ||
    echo "packages: apt-get update reported errors, going on" >&2
apt-get -q -y -o Acquire::Retries=3 \
    -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 \
    --no-install-recommends install "${missing[@]}"
