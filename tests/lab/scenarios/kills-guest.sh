# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest's side of a recording is killed: its recorder, the process that
# watches over it, the agent, and QEMU.

. "$LAB_LIB/kills.sh"

# kill_victim TURN: sets $victim
kill_victim()
{
    case $(($1 % 4)) in
    0 | 1)
        victim=$(lab_guest_exec vm1 sh -c "
            set -- \$(pidof qga-trace)
            [ \$# != 0 ] || exit 0
            shift \$(($RANDOM % \$#))
            cat /proc/\$1/comm
            kill -KILL \$1")
        [ -z "$victim" ] || victim="the guest's $victim" ;;
    2)
        product_restart_agent vm1
        victim="the guest's agent" ;;
    3)
        kill -KILL "$(lab_guest_pid vm1)"
        victim=QEMU ;;
    esac
}

run_kills
