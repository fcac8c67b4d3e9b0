# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the lab's build scripts share: where the cache is, how a piece gets
# into it, and how they talk. To be sourced by bash.

lab_src=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project_src=$(cd "$lab_src/../.." && pwd)
lab_cache=${XDG_CACHE_HOME:-$HOME/.cache}/qemu-trace-merge

say()
{
    echo "lab: $*" >&2
}

die()
{
    echo "lab: $*" >&2
    exit 1
}

# Hashes its arguments and the contents of standard input to a short key.
key_of()
{
    { printf '%s\n' "$@"; cat; } | sha256sum | cut -c1-16
}

# cached_dir NAME PROGRAM [ARGS...]
#
# Prints the path of the cached directory NAME. When it isn't there, runs
# PROGRAM with ARGS and a temporary directory, and moves the result into place
# at once, so that an interrupted or a second run never sees half a piece.
# PROGRAM's own process keeps its "set -e" working wherever this is called.
cached_dir()
{
    local name=$1 dir=$lab_cache/$1 tmp
    shift

    if [ ! -d "$dir" ]; then
        mkdir -p "$lab_cache"
        exec 9>"$lab_cache/.lock"
        flock 9
        if [ ! -d "$dir" ]; then
            tmp=$(mktemp -d "$lab_cache/.new-XXXXXX")
            if ! "$@" "$tmp" >&2 9>&-; then
                rm -rf "$tmp"
                exec 9>&-
                return 1
            fi
            chmod 755 "$tmp"
            mv "$tmp" "$dir"
        fi
        exec 9>&-
    fi
    # The date of its last use decides what may be thrown away.
    touch "$dir"
    echo "$dir"
}
