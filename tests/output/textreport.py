# The text report, taken apart: what the other formats are compared with.
#
# SPDX-License-Identifier: GPL-2.0-or-later
import collections
import json
import re
import subprocess

Event = collections.namedtuple(
    "Event", "machine comm pid cpu time_ns name text")
Loss = collections.namedtuple("Loss", "machine cpu count index")

LINE = re.compile(
    r"^(?: *(?P<machine>\S.*?): )?\s*(?P<comm>.*?)-(?P<pid>\d+) +"
    r"\[(?P<cpu>\d+)\] (?P<flags>\S{5,7}) +(?P<s>\d+)\.(?P<ns>\d{9}):"
    r"(?: \[\+-\S+\])? (?P<name>[^ :]+): *(?P<text>.*)$")
LOSS = re.compile(r"^(?: *(?P<machine>\S.*?): )?"
                  r"CPU:(?P<cpu>\d+) \[(?:(?P<count>\d+) )?EVENTS DROPPED\]$")


def run(program, arguments):
    # What machines recorded may be no UTF-8.
    result = subprocess.run([program, *arguments], check=True,
                            stdout=subprocess.PIPE)
    return result.stdout.decode(errors="surrogateescape")


def machines(program, inputs):
    """The machine lines of the json format, by name, the host first."""
    found = {}
    for line in run(program, ["report", "--format", "json",
                              *inputs]).split("\n"):
        entry = json.loads(line) if line else {}
        if entry.get("type") == "machine":
            found[entry["machine"]] = entry
        elif entry.get("type") not in (None, "header"):
            break
    return found


def read(program, inputs, names):
    """All events and losses of the text report, in its order."""
    events, losses = [], []
    only = next(iter(names)) if len(names) == 1 else None
    for line in run(program, ["report", "-t", *inputs]).split("\n"):
        match = LOSS.match(line)
        if match:
            losses.append(Loss(match["machine"] or only, int(match["cpu"]),
                               int(match["count"] or -1), len(events)))
            continue
        match = LINE.match(line)
        if match:
            events.append(Event(
                match["machine"] or only, match["comm"].strip(),
                int(match["pid"]), int(match["cpu"]),
                int(match["s"]) * 10**9 + int(match["ns"]),
                match["name"], match["text"]))
    return events, losses
