#!/usr/bin/python3
# The commands that docs/tutorial.md shows are those that the lab's scenario
# runs, in the same order.
#
#     check-tutorial.py TUTORIAL.md SCENARIO.sh
#
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import re
import sys

SHOWN = re.compile(r"^ {4}(host|guest)# (.*)$", re.M)
RUN = re.compile(r"^\s*(on_host|in_guest) '([^']*)'", re.M)


def main():
    tutorial, scenario = (pathlib.Path(p).read_text() for p in sys.argv[1:])
    shown = [(where, command) for where, command in SHOWN.findall(tutorial)]
    run = [("host" if where == "on_host" else "guest", command)
           for where, command in RUN.findall(scenario)]
    if len(shown) < 5:
        print("the tutorial shows too few commands")
        return 1
    for i, (a, b) in enumerate(zip(shown, run)):
        if a != b:
            print(f"command {i + 1}: the tutorial shows {a[0]}# {a[1]}\n"
                  f"but the scenario runs {b[0]}# {b[1]}")
            return 1
    if len(shown) != len(run):
        print(f"{len(shown)} commands are shown, {len(run)} are run")
        return 1
    return 0


sys.exit(main())
