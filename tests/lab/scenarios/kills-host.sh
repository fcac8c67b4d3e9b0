# SPDX-License-Identifier: GPL-2.0-or-later
#
# The host's processes of a recording are killed: the tool and its children.

. "$LAB_LIB/kills.sh"

# kill_child NAME: one of the tool's children of that name
kill_child()
{
    local pid name pids=()
    for pid in $(children_of $recorder); do
        name=$(cat "/proc/$pid/comm") || continue
        [ "$name" != "$1" ] || pids+=("$pid")
    done
    [ ${#pids[@]} != 0 ] || return 0
    victim="the tool's child $1"
    kill -KILL "$(choose "${pids[@]}")" || victim=
}

# kill_victim TURN: sets $victim
kill_victim()
{
    case $(($1 % 4)) in
    0)
        kill -KILL $recorder
        victim="the tool" ;;
    1)
        kill_child trace-guardian ;;
    *)
        # What records the host, or what parses.
        kill_child qemu-trace-merg ;;
    esac
}

run_kills
