#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Usage: t0006-series-docs.sh [VERSION]
#
# QEMU's manual builds with what the series adds to it, without a warning on
# our behalf: the references of both schemas, the monitor's commands and the
# chapter of its own. Only these pages are built, as the whole takes minutes.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
version=${1:-10.0}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! type sphinx-build >/dev/null 2>&1; then
    echo "expected sphinx-build; run make packages"
    exit 1
fi

"$root/qemu-patches/build-qemu.sh" "$version" --unpack "$work/qemu" >/dev/null
cd "$work/qemu"
for patch in "$root/qemu-patches/$version"/000[1-9]-*.patch; do
    patch -s -p 1 -i "$patch"
done

# A manual of four pages.
pages=(interop/qemu-qmp-ref interop/qemu-ga-ref system/monitor
       system/i386/tsc-offset)
mkdir "$work/docs"
cp -r docs/conf.py docs/defs.rst.inc docs/sphinx docs/sphinx-static "$work/docs/"
for page in "${pages[@]}"; do
    mkdir -p "$work/docs/$(dirname "$page")"
    cp "docs/$page.rst" "$work/docs/$page.rst"
done
# They name the schemas and the tables of commands by these ways.
for name in qapi qga storage-daemon scripts python \
            hmp-commands.hx hmp-commands-info.hx qemu-options.hx VERSION; do
    [ ! -e "$name" ] || ln -s "$work/qemu/$name" "$work/$name"
done
{
    echo "Manual"
    echo "======"
    echo
    echo ".. toctree::"
    echo
    printf '   %s\n' "${pages[@]}"
} >"$work/docs/index.rst"

# Unknown references are to pages that are left out here.
sphinx-build -q -b html -D kerneldoc_bin=/bin/true \
    -D kerneldoc_srctree="$work" -D hxtool_srctree="$work" \
    -D qapidoc_srctree="$work" -D depfile="$work/depfile" \
    -d "$work/doctrees" "$work/docs" "$work/html" >"$work/log" 2>&1 || {
    echo "expected: the manual builds; it said:"
    tail -n 30 "$work/log"
    exit 1
}
if grep -i 'tsc' "$work/log"; then
    echo "expected no warning on the pages of the series"
    exit 1
fi

# expect PAGE TEXT
expect()
{
    if ! grep -q -- "$2" "$work/html/$1.html"; then
        echo "expected '$2' in the manual's page $1"
        exit 1
    fi
}
expect interop/qemu-qmp-ref query-vcpu-tsc-offset
expect interop/qemu-qmp-ref VCPU_TSC_OFFSET_CHANGED
expect interop/qemu-qmp-ref "error-ticks"
expect interop/qemu-ga-ref guest-trace-start
expect system/monitor vcpu-tsc
expect system/i386/tsc-offset "Quiet queries"
echo "the manual of QEMU $version builds"
