#!/usr/bin/python3
# Every option of a command is in its manual page, and the page has no others:
# compared with what --help says.  Every limit that --limit help lists is in the
# table of security.md with its default and range, and no others.
#
#     check-manuals.py DOCS-DIR PROGRAM...
#
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import re
import subprocess
import sys

HELP_OPTION = re.compile(r"^  (?:-\w, )?--([\w-]+)", re.M)
# In an entry of a page's lists, as "*-e*, *--event* _EVENT_".
PAGE_ENTRY = re.compile(r"^\*-.*$", re.M)
PAGE_OPTION = re.compile(r"\*--([\w-]+)\*")


def run(*args):
    environment = dict(os.environ, LC_ALL="C.UTF-8")
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, text=True,
                          env=environment).stdout


def commands_of(program):
    """All but help, which has no options."""
    tail = run(program, "--help").split("Commands", 1)[1]
    return [name for name in re.findall(r"^  ([a-z]+)(?=\s|$)", tail, re.M)
            if name != "help"]


def help_options(program, command):
    text = run(program, command, "--help")
    if "--help-all" in text:
        text = run(program, command, "--help-all")
    return {o for o in HELP_OPTION.findall(text)
            if not re.match(r"help(-|$)", o)}


def page_options(page):
    text = page.read_text()
    # What a page says of other programs stands elsewhere than in its entries.
    return {o for entry in PAGE_ENTRY.findall(text)
            for o in PAGE_OPTION.findall(entry)}


def compare(page, what, options, problems):
    if not page.exists():
        problems.append(f"{what}: it has no page {page.name}")
        return
    described = page_options(page)
    # A page may leave to another one what that describes.
    others = {o for name in re.findall(r"as for \*([\w-]+)\*",
                                       page.read_text())
              for o in page_options(page.parent / f"{name}.1.scd")}
    for option in sorted(options - described - others):
        problems.append(f"{page.name}: --{option} of {what} is not described")
    for option in sorted(described - options):
        problems.append(f"{page.name}: {what} has no --{option}")


def listed_limits(program):
    """(NAME, DEFAULT, RANGE) of all commands that have limits."""
    limits = set()
    for command in commands_of(program):
        if "limit" in help_options(program, command):
            lines = run(program, command, "--limit", "help").splitlines()
            limits |= {tuple(line.split()[:3]) for line in lines[1:]}
    return limits


def compare_limits(page, program, problems):
    limits = listed_limits(program)
    described = set(re.findall(r"^\| `([\w-]+)` \| (\w+) \| (\w+-\w+) \|",
                               page.read_text(), re.M))
    for limit in sorted(limits - described):
        problems.append(f"{page.name}: the limit {limit} is not in its table")
    for limit in sorted(described - limits):
        problems.append(f"{page.name}: no command has the limit {limit}")
    return len(limits)


def main():
    docs = pathlib.Path(sys.argv[1])
    problems = []
    compared = 0
    for program in sys.argv[2:]:
        name = pathlib.Path(program).name
        commands = commands_of(program)
        if (docs / f"{name}-{commands[0]}.1.scd").exists():
            for command in commands:
                compare(docs / f"{name}-{command}.1.scd", f"{name} {command}",
                        help_options(program, command), problems)
                compared += 1
        else:
            options = set().union(*(help_options(program, c)
                                    for c in commands))
            compare(docs / f"{name}.1.scd", name, options, problems)
            compared += 1
    if compare_limits(docs / "security.md", sys.argv[2], problems) < 10:
        problems.append("there were no limits to compare")
    if compared < 2:
        problems.append("there was nothing to compare")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


sys.exit(main())
