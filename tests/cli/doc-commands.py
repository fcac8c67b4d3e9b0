#!/usr/bin/python3
# Prints every command line that the documentation shows, one a line with its
# file's name before it: indented lines of Markdown and of scdoc, with their
# continuations, and what README.md shows within a line.
#
#     doc-commands.py FILE...
#
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import re
import sys

PROGRAMS = (r"(?:qemu-trace-merge|qga-trace|trace-cmd|systemctl|virsh|socat|jq"
            r"|make)\b(?![-.])")
LINE = re.compile(rf"^(?:\t+| {{4,}})(?:\$ )?({PROGRAMS} .*)$")
# A command with arguments, not the name of one.
SPAN = re.compile(rf"`({PROGRAMS} [^`]+)`")


def joined(line, more):
    """A command with its continuation; a pair where they are two commands."""
    # scdoc breaks lines with "++", within a command or between two.
    if line.endswith("++") and re.match(PROGRAMS, more):
        return [line[:-2], more]
    return [line.rstrip("\\+").rstrip() + " " + more]


def lines_of(text):
    lines = iter(text.splitlines())
    for line in lines:
        match = LINE.match(line)
        if not match:
            continue
        command = match[1]
        while command.endswith(("\\", "++")):
            *whole, command = joined(command, next(lines, "").strip())
            yield from whole
        # What stands behind it is for people.
        yield re.sub(r"\s+#.*$", "", command)


def spans_of(text):
    for command in SPAN.findall(text):
        # "..." is for the reader to fill in.
        if "..." not in command:
            yield " ".join(command.split())


def commands_of(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".scd":
        text = re.sub(r"\\(?=[^\n])", "", text)
    yield from lines_of(text)
    if path.name == "README.md":
        yield from spans_of(text)


for name in sys.argv[1:]:
    for command in commands_of(pathlib.Path(name)):
        print(f"{pathlib.Path(name).name}\t{command}")
