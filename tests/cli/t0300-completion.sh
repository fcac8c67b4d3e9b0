#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the shell completes is what the programs' option tables have.

. "$(dirname "$0")/lib.sh"

. "$BASH_COMPLETION_FILE" || fail "the completion cannot be read"

# complete_line WORD...: what is offered for the last word.
complete_line()
{
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    COMPREPLY=()
    # Of the shell's own, which is not completing anything now.
    compopt() { :; }
    "_$(tr - _ <<<"$1")"
    printf '%s\n' "${COMPREPLY[@]}" >out
}

complete_line qemu-trace-merge re
for command in record report recover; do
    expect out "^$command$"
done
! grep -q "^check$" out || fail "check does not begin with re"

complete_line qemu-trace-merge he
expect out "^help$"
complete_line qemu-trace-merge help rep
expect out "^report$"

# Each long option that --help lists, for each command.
for program in "$QEMU_TRACE_MERGE" "$QGA_TRACE"; do
    name=$(basename "$program")
    n_options=0
    for command in $("$program" --help | sed -n '/^Commands/,$s/^  \([a-z]*\).*/\1/p'); do
        [ $command = help ] && continue # has no options
        complete_line "$name" "$command" --
        for option in $({ "$program" "$command" --help-all 2>/dev/null ||
                "$program" "$command" --help; } |
                sed -n 's/^  \(-., \)\?\(--[a-z0-9-]*\).*/\2/p'); do
            case $option in
            --help-*) ;;
            --*) expect out "^$option$"; n_options=$((n_options + 1)) ;;
            esac
        done
    done
    [ $n_options -gt 10 ] || fail "$name has $n_options options only"
done

complete_line qemu-trace-merge report --limit format-
expect out "^format-depth=$"
! grep -q "^memory=" out || fail "memory does not begin with format-"
complete_line qemu-trace-merge record --limit = stop
expect out "^stop-time=$"
complete_line qemu-trace-merge report --limit stop
! grep -q stop out || fail "report has no stop-time"

mkdir vm1-dir
complete_line qemu-trace-merge report vm1
expect out "^vm1-dir$"
complete_line qemu-trace-merge record --output-dir vm1
expect out "^vm1-dir$"
complete_line qemu-trace-merge record --output-dir = vm1
expect out "^vm1-dir$"
complete_line qemu-trace-merge record -- cyclictest --
expect out "^$"
