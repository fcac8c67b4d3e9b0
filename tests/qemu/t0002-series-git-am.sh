#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Usage: t0002-series-git-am.sh [VERSION]
#
# `git am` applies the series to the release as it was published, with
# nothing to be said about it, and puts our sources where they belong.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
version=${1:-10.0}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$root/qemu-patches/build-qemu.sh" "$version" --unpack "$work/qemu" >/dev/null

cd "$work/qemu"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
git init -q .
git config user.name "QEMU series test"
git config user.email test@example.org
git config gc.auto 0
git add -A -f .
git commit -q -m "QEMU $version"

patches=("$root/qemu-patches/$version"/000[1-9]-*.patch)
if ! git am "${patches[@]}" >"$work/log" 2>&1; then
    echo "expected: git am applies the series; it said:"
    cat "$work/log"
    exit 1
fi
if grep -i 'warning\|whitespace' "$work/log"; then
    echo "expected: git am has nothing to warn of"
    exit 1
fi

applied=$(git rev-list --count HEAD~"${#patches[@]}"..HEAD)
if [ "$applied" != "${#patches[@]}" ]; then
    echo "expected ${#patches[@]} commits, got $applied"
    exit 1
fi
for patch in "${patches[@]}"; do
    if ! grep -q '^Signed-off-by: ' "$patch"; then
        echo "expected Signed-off-by in ${patch##*/}, got none"
        exit 1
    fi
done

/usr/bin/python3 "$root/tests/qemu/check-single-source.py" "$root" \
    "$version" .
echo "git am applied $applied patches"
