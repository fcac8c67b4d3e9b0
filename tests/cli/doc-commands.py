#!/usr/bin/python3
# Prints every command line that the documentation shows, one a line: indented
# lines of Markdown and of scdoc, with their continuations.
#
#     doc-commands.py FILE...
#
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import re
import sys

PROGRAMS = r"(?:qemu-trace-merge|qga-trace|trace-cmd|systemctl|virsh|make)\b"
START = re.compile(rf"^(?:\t+| {{4,}})(?:\$ )?({PROGRAMS}.*)$")


def commands(text):
    lines = iter(text.splitlines())
    for line in lines:
        match = START.match(line)
        if not match:
            continue
        command = match[1]
        while command.endswith(("\\", "++")):
            more = next(lines, "").strip()
            # scdoc breaks lines with "++", within a command or between two.
            if re.match(PROGRAMS, more) and command.endswith("++"):
                yield command[:-2]
                command = more
            else:
                command = command.rstrip("\\+") + " " + more
        yield command


for path in sys.argv[1:]:
    text = pathlib.Path(path).read_text()
    for command in commands(text):
        if path.endswith(".scd"):
            command = re.sub(r"\\(.)", r"\1", command)
        # What stands behind it is for people.
        command = re.sub(r"\s+#.*$", "", command)
        print(f"{pathlib.Path(path).name}\t{command}")
