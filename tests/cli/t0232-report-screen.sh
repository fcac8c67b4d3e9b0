#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a process writes that was taken over can't steer the user's terminal, nor
# the pager's; a file and a pipe get each byte as it is.

. "$(dirname "$0")/lib.sh"

"$MAKE_SAMPLE" . || fail "there is no sample"
inputs=(-i host.dat -i vm1.dat)
esc=$'\033' bel=$'\a' csi=$'\xc2\x9b'
shown='\x1b]0;taken over\x07\x1b[2J\x1b[5n\x0d\xc2\x9b2J '
shown+="$esc[31mred$esc[0m café"

# on_terminal NAME=VALUE... COMMAND...: what comes there is in terminal
on_terminal()
{
    local words
    printf -v words '%q ' env "$@"
    script -qec "exec $words" typescript >/dev/null </dev/null ||
        fail "$*: $(cat typescript)"
    # Without its own two lines, and with the terminal's line ends undone.
    sed '1d;$d' typescript | sed 's/\r$//' >terminal
}

# expect_harmless WHAT COUNT: in terminal, and so often
expect_harmless()
{
    local found
    found=$(grep -cF -- "$shown" terminal)
    [ "$found" = "$2" ] || fail "$1: it is shown $found times, not $2"
    ! grep -qF -e "$bel" -e "$csi" -e "$esc]" -e "$esc[2J" -e "$esc[5n" \
        -e $'\r' terminal || fail "$1: $(cat -v terminal)"
}

taken=(ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$TAKEN_OVER_MODULE")
report=("$QEMU_TRACE_MERGE" report "${inputs[@]}")

# It does what the test says.
env "${taken[@]}" "${report[@]}" >out 2>err || fail "report: $(cat err)"
for file in out err; do
    grep -qF "$esc]0;taken over$bel" $file ||
        fail "a file does not get what was written: $(tail -n 1 $file | cat -v)"
done

on_terminal "${taken[@]}" PAGER=cat "${report[@]}"
expect_harmless "report" 2
# Behind a pager that lets everything through, too.
on_terminal "${taken[@]}" PAGER="sed -n p" "${report[@]}"
expect_harmless "report with a pager" 2
for command in explain check; do
    on_terminal "${taken[@]}" PAGER=cat "$QEMU_TRACE_MERGE" $command \
        "${inputs[@]}"
    expect_harmless "$command" 2
done
# Standard error is a terminal's, the output a file.
on_terminal "${taken[@]}" "${report[@]}" -o file
expect_harmless "report to a file" 2

# An honest one shows all that a file gets, colours included.
"${report[@]}" --color=always >whole 2>err || fail "report"
on_terminal PAGER=cat sh -c '"$@" 2>err' sh "${report[@]}" --color=always
lines=$(wc -l <whole)
head -n "$lines" terminal | cmp - whole ||
    fail "the terminal shows something else"
[ -z "$(tail -n +$((lines + 1)) terminal)" ] || fail "the terminal shows more"
