# SPDX-License-Identifier: GPL-2.0-or-later
#
# The host's processes of a recording are killed: the tool and its children.

. "$LAB_LIB/kills.sh"

# kill_victim TURN: sets $victim
kill_victim()
{
    local pids pid
    if [ $(($1 % 4)) = 0 ]; then
        kill -KILL $recorder
        victim="the tool"
        return 0
    fi
    pids=$(children_of $recorder)
    [ -n "$pids" ] || return 0
    pid=$(choose $pids)
    victim="the tool's child $(cat "/proc/$pid/comm")" || true
    kill -KILL "$pid" || victim=
}

run_kills
