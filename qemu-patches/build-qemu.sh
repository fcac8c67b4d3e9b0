#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Usage: build-qemu.sh VERSION [--test | --unpack DIR]
#
# Fetches QEMU's source (as a Debian source package), applies the series
# qemu-patches/VERSION to it, builds it and keeps it in the user's cache.
# The last line of standard output is the directory that holds it:
#
#   bin/qemu-system-x86_64, bin/qemu-ga     the programs
#   share/qemu/                             the firmware they need
#   libexec/                                the tests that came with it
#
# What has been built already is not built again, and needs no network.
#
#   --test        run QEMU's own tests of what the series adds
#   --unpack DIR  put the release, as it is without the series, into DIR

set -euo pipefail

# All that the build needs from the system; only what is missing is
# installed. Meson and pycotap come newer than the system's, privately.
packages=(
    bison ca-certificates dpkg-dev flex gcc libc6-dev libfdt-dev
    libglib2.0-dev make ninja-build patch perl pkg-config python3
    python3-venv xz-utils zlib1g-dev
)

# Where meson, pycotap and the firmware may come from, best first.
tool_suites=(bookworm-backports trixie)
firmware_suites=(trixie bookworm-backports)
firmware=(
    bios-256k.bin bios.bin bios-microvm.bin efi-e1000.rom efi-e1000e.rom
    efi-virtio.rom kvmvapic.bin linuxboot.bin linuxboot_dma.bin
    multiboot.bin multiboot_dma.bin pvh.bin vgabios.bin vgabios-stdvga.bin
    vgabios-virtio.bin
)

configure_options=(
    --target-list=x86_64-softmmu --without-default-features --enable-kvm
    --enable-tcg --enable-guest-agent --enable-vhost-kernel --disable-docs
    --disable-install-blobs --enable-fdt=system
)

tests=(
    tests/qtest/vcpu-tsc-offset-test tests/unit/test-qga
    tests/unit/test-x86-tsc-scaling
)

# What differs from one version to the other: the suites that may have it,
# and what makes configure take the tools that are there.
settings_of()
{
    case $1 in
    7.2)
        source_suites=(bookworm)
        configure_options+=(--with-git-submodules=ignore)
        ;;
    10.0)
        source_suites=(trixie trixie-updates bookworm-backports)
        configure_options+=(--disable-download --python=/usr/bin/python3)
        ;;
    *)
        # What comes from here may be gone tomorrow.
        source_suites=(sid)
        configure_options+=(--disable-download --python=/usr/bin/python3)
        ;;
    esac
}

# A development tree in PATH or PYTHONPATH must not leak into the build.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
unset PYTHONPATH PYTHONHOME CFLAGS LDFLAGS DEB_BUILD_OPTIONS MAKEFLAGS

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/qemu-trace-merge
work=

say()
{
    echo "build-qemu.sh: $*" >&2
}

die()
{
    say "$*"
    exit 1
}

cleanup()
{
    [ -z "$work" ] || rm -rf "$work"
}

# run LOG COMMAND...: keeps quiet unless the command fails.
run()
{
    local log=$1
    shift
    "$@" >"$log" 2>&1 || {
        tail -n 40 "$log" >&2
        return 1
    }
}

series()
{
    local patch

    for patch in "$here/$version"/[0-9][0-9][0-9][0-9]-*.patch; do
        case ${patch##*/} in
        0000-*) ;;
        *) echo "$patch" ;;
        esac
    done
}

# What decides on the result, the source's exact release aside.
inputs_hash()
{
    local patch
    {
        cat "${BASH_SOURCE[0]}"
        while read -r patch; do
            cat "$patch"
        done < <(series)
    } | sha256sum | cut -c 1-64
}

find_built()
{
    local dir
    for dir in "$cache/qemu-$version"-*/; do
        if [ -f "$dir/inputs" ] && [ "$(head -n 1 "$dir/inputs")" = "$1" ]
        then
            echo "${dir%/}"
            return 0
        fi
    done
    return 1
}

install_packages()
{
    local package missing=()

    for package in "${packages[@]}"; do
        case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" \
               2>/dev/null) in
        ?i*) ;;
        *) missing+=("$package") ;;
        esac
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    [ "$(id -u)" = 0 ] ||
        die "these packages are missing, install them: ${missing[*]}"
    say "installing ${missing[*]}"
    run "$work/log" apt-get -q update ||
        say "apt-get update reported errors, going on"
    run "$work/log" env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 \
        --no-install-recommends install "${missing[@]}" ||
        die "can't install packages: ${missing[*]}"
}

# Prints the "URI KEYRING" from which the system gets its own release.
debian_archive()
{
    local codename
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")

    /usr/bin/python3 - "$codename" <<'PYTHON'
import glob
import re
import sys

def stanzas():
    for name in glob.glob('/etc/apt/sources.list.d/*.sources'):
        with open(name, encoding='utf-8') as file:
            text = re.sub(r'(?m)^#.*\n?', '', file.read())
        for stanza in re.split(r'\n\s*\n', text):
            yield dict((key.lower(), ' '.join(value.split())) for key, value
                       in re.findall(r'(?m)^([\w-]+):((?:.*)(?:\n[ \t].*)*)',
                                     stanza))

def lines():
    for name in ['/etc/apt/sources.list',
                 *glob.glob('/etc/apt/sources.list.d/*.list')]:
        try:
            with open(name, encoding='utf-8') as file:
                text = file.read()
        except OSError:
            continue
        for options, uri, suite, components in re.findall(
                r'(?m)^deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+(.*)$', text):
            key = re.search(r'signed-by=(\S+)', options)
            yield {'types': 'deb', 'uris': uri, 'suites': suite,
                   'components': components,
                   'signed-by': key.group(1) if key else ''}

for source in [*stanzas(), *lines()]:
    if (sys.argv[1] in source.get('suites', '').split() and
            'main' in source.get('components', '').split() and
            'deb' in source.get('types', '').split() and
            source.get('enabled', 'yes') != 'no'):
        print(source['uris'].split()[0], source.get('signed-by', ''))
        break
PYTHON
}

# An apt command that sees only the private sources, and the system's not.
private_apt()
{
    local tool=$1
    shift
    "$tool" -o Dir::Etc::SourceList=/dev/null \
            -o Dir::Etc::SourceParts="$cache/apt/sources" \
            -o Dir::State::Lists="$cache/apt/lists" \
            -o Dir::Cache="$cache/apt/cache" \
            -o Acquire::Retries=3 -o APT::Sandbox::User=root "$@"
}

prepare_apt()
{
    local uri key suite suites

    read -r uri key < <(debian_archive) || true
    [ -n "${uri:-}" ] ||
        die "found no source of this Debian release below /etc/apt;" \
            "add one, as QEMU's source comes from there"

    rm -rf "$cache/apt/sources"
    mkdir -p "$cache/apt/sources" "$cache/apt/lists/partial" \
             "$cache/apt/cache/archives/partial"
    suites=("${source_suites[@]}" "${tool_suites[@]}" "${firmware_suites[@]}")
    for suite in "${suites[@]}"; do
        {
            echo "Types: deb deb-src"
            echo "URIs: $uri"
            echo "Suites: $suite"
            echo "Components: main"
            [ -z "$key" ] || echo "Signed-By: $key"
        } >"$cache/apt/sources/$suite.sources"
    done

    say "reading package lists"
    run "$work/log" private_apt apt-get -q update ||
        say "some package lists can't be read, going on with the others"
}

# The releases of QEMU that can be asked for, newest first.
source_versions()
{
    private_apt apt-cache showsrc qemu 2>/dev/null |
        sed -n "s/^Version: \(.*:${version//./\\.}[.+].*\)/\1/p" |
        sort -u -V -r
}

# Sets $dsc. What is listed can't always be downloaded, hence the loop.
fetch_source()
{
    local release

    mkdir -p "$cache/sources"
    while read -r release; do
        dsc=$cache/sources/qemu_${release#*:}.dsc
        [ ! -f "$dsc" ] || return 0

        say "downloading the source of QEMU ${release#*:}"
        mkdir -p "$work/source"
        if ( cd "$work/source" &&
             run "$work/log" private_apt apt-get -q source \
                 --download-only --only-source "qemu=$release" )
        then
            # The .dsc last, as it says that the rest is there.
            mv "$work/source"/*.tar.* "$cache/sources/"
            mv "$work/source"/*.dsc "$dsc"
            return 0
        fi
        say "QEMU ${release#*:} can't be downloaded, trying the next"
        rm -rf "$work/source"
    done < <(source_versions)

    # Without network: the newest that was downloaded before.
    dsc=$(find "$cache/sources" -name "qemu_${version}[.+]*.dsc" |
          sort -V | tail -n 1)
    [ -n "$dsc" ] || die "found no source of QEMU $version to download"
}

unpack_source()
{
    say "unpacking $(basename "$1" .dsc)"
    run "$work/log" dpkg-source --no-check -x "$1" "$2" ||
        die "can't unpack $1; remove it to have it downloaded again"
}

# fetch_debs DIR SUITES PACKAGE...: unpacked into DIR, not installed.
fetch_debs()
{
    local dir=$1 suites=$2 package suite got
    shift 2

    mkdir -p "$work/debs" "$dir"
    for package in "$@"; do
        got=
        for suite in $suites; do
            rm -f "$work/debs"/*
            if ( cd "$work/debs" &&
                 run "$work/log" private_apt apt-get -q download \
                     "$package/$suite" 2>/dev/null )
            then
                dpkg-deb -x "$work/debs"/*.deb "$dir"
                got=$suite
                break
            fi
        done
        [ -n "$got" ] || { say "can't download $package"; return 1; }
    done
}

# Kept in the cache, as a change of the series needs the same again.
fetch_tools()
{
    local name tools

    for name in tools firmware; do
        [ ! -d "$cache/$name" ] || continue
        say "downloading $name"
        tools="$work/$name"
        case $name in
        tools)
            fetch_debs "$tools" "${tool_suites[*]}" meson python3-pycotap
            ;;
        firmware)
            fetch_debs "$tools" "${firmware_suites[*]}" \
                       qemu-system-data seabios ipxe-qemu
            ;;
        esac || die "$name that the build needs can't be downloaded"
        mv "$tools" "$cache/$name"
    done
}

apply_series()
{
    local patch

    while read -r patch; do
        say "applying $(basename "$patch")"
        run "$work/log" patch -d "$1" -p 1 -F 0 --no-backup-if-mismatch \
            -i "$patch" || die "$patch does not apply"
    done < <(series)
}

# Show one line of progress every now and then, and all that is unusual.
show_progress()
{
    awk -F '[][/]' '
        /^\[[0-9]+\/[0-9]+\]/ {
            if ($2 >= next_step || $2 == $3) {
                print "build-qemu.sh: compiled " $2 " of " $3
                fflush()
                next_step = $2 + 150
            }
        }
    ' >&2
}

with_tools()
{
    PATH=$cache/tools/usr/bin:$PATH \
    PYTHONPATH=$cache/tools/usr/lib/python3/dist-packages "$@"
}

compile()
{
    say "configuring"
    ( cd "$work/build" &&
      run "$work/log" with_tools ../qemu/configure \
          "${configure_options[@]}" ) || die "can't configure QEMU"

    say "compiling, which takes some minutes"
    with_tools nice ninja -C "$work/build" -j "$(nproc)" qemu-system-x86_64 \
        qga/qemu-ga "${tests[@]}" 2>&1 | tee "$work/log" | show_progress || {
        grep -A 20 -m 3 FAILED "$work/log" >&2 || tail -n 40 "$work/log" >&2
        die "can't build QEMU"
    }
}

stage()
{
    local dir=$1 name file

    mkdir -p "$dir/bin" "$dir/libexec/qga" "$dir/libexec/tests/unit" \
             "$dir/libexec/tests/qtest" "$dir/libexec/tests/data" \
             "$dir/share/qemu"
    for name in qemu-system-x86_64 qga/qemu-ga; do
        strip -g -o "$dir/bin/${name##*/}" "$work/build/$name"
    done
    for name in "${tests[@]}"; do
        strip -g -o "$dir/libexec/$name" "$work/build/$name"
    done

    # test-qga looks for the agent and for its data below its directory.
    ln -s ../../bin/qemu-ga "$dir/libexec/qga/qemu-ga"
    cp "$work/qemu/tests/data"/test-qga-* "$dir/libexec/tests/data/"
    cp "$work/qemu/scripts/checkpatch.pl" "$dir/libexec/"

    for name in "${firmware[@]}"; do
        for file in "$cache/firmware/usr/share"/{qemu,seabios}/"$name" \
                    "$cache/firmware/usr/lib/ipxe/qemu/$name"; do
            if [ -f "$file" ]; then
                cp -L "$file" "$dir/share/qemu/$name"
                break
            fi
        done
        [ -f "$dir/share/qemu/$name" ] || say "firmware $name is missing"
    done
    cp -rL "$cache/firmware/usr/share/qemu/keymaps" "$dir/share/qemu/"
}

build()
{
    local inputs=$1 release

    install_packages
    prepare_apt
    fetch_source
    fetch_tools
    release=$(basename "$dsc" .dsc)
    unpack_source "$dsc" "$work/qemu"
    apply_series "$work/qemu"
    mkdir "$work/build"
    compile
    stage "$work/stage"
    printf '%s\n' "$inputs" "$release" >"$work/stage/inputs"

    built=$cache/qemu-$version-$(sha256sum <"$work/stage/inputs" |
                                 cut -c 1-12)
    # Complete or not there at all: a rename can't be seen half done.
    rm -rf "$built"
    mv -T "$work/stage" "$built"
    say "built $release"
}

run_tests()
{
    local dir=$1 status=0

    say "running test-x86-tsc-scaling"
    "$dir/libexec/tests/unit/test-x86-tsc-scaling" >&2 || status=1
    say "running vcpu-tsc-offset-test"
    QTEST_QEMU_BINARY=$dir/bin/qemu-system-x86_64 timeout 300 \
        "$dir/libexec/tests/qtest/vcpu-tsc-offset-test" >&2 || status=1
    say "running test-qga"
    ( cd "$dir/libexec" && G_TEST_SRCDIR=$dir/libexec/tests/unit \
          timeout 300 tests/unit/test-qga >&2 ) || status=1
    [ $status = 0 ] || die "QEMU's own tests failed"
}

usage()
{
    echo "usage: build-qemu.sh VERSION [--test | --unpack DIR]" >&2
    exit 2
}

[ $# -ge 1 ] || usage
version=$1
action=${2:-}
[ -d "$here/$version" ] ||
    die "there is no series for QEMU $version in $here"
case $#:$action in
1: | 2:--test | 3:--unpack) ;;
*) usage ;;
esac

settings_of "$version"

mkdir -p "$cache"
inputs=$(inputs_hash)
if ! built=$(find_built "$inputs"); then
    # Only one at a time; the others find what the first has built.
    exec 9>"$cache/build-qemu.lock"
    flock -n 9 || { say "waiting for another build to end"; flock 9; }
    if ! built=$(find_built "$inputs"); then
        rm -rf "$cache"/build-qemu-*/
        work=$(mktemp -d "$cache/build-qemu-XXXXXX")
        trap cleanup EXIT
        trap 'exit 1' INT TERM HUP
        build "$inputs"
    fi
fi

case $action in
--test)
    run_tests "$built"
    ;;
--unpack)
    [ -n "$work" ] || { work=$(mktemp -d); trap cleanup EXIT; }
    unpack_source "$cache/sources/$(sed -n 2p "$built/inputs").dsc" "$3"
    ;;
esac
echo "$built"
