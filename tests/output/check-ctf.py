#!/usr/bin/python3
# babeltrace2 reads the ctf format without a complaint, and finds the events,
# times and losses of the text report.
#
# Usage: check-ctf.py PROGRAM - [REPORT'S INPUT ARGUMENTS]...
#
# SPDX-License-Identifier: GPL-2.0-or-later
import collections
import os
import re
import subprocess
import sys
import tempfile

import textreport

LINE = re.compile(
    r"^\[(\d+)\.(\d{9})\] (.+?) ([^ :]+): \{ cpu_id = (\d+) \}, "
    r"\{ ticks = \d+, host_ticks = \d+, error_ticks = \d+, pid = (-?\d+), "
    r"comm = \"(.*?)\", vcpu = \"(.*?)\" \}, \{ (.*) \}$")
DISCARDED = re.compile(r"Tracer (?:may have )?discarded (\d+) events? ")
SWITCH = re.compile(r"prev_pid = (-?\d+), .*next_pid = (-?\d+), "
                    r"next_prio = (-?\d+)$")


def expect(condition, text):
    if not condition:
        sys.exit(f"check-ctf: {text}")


def convert(directory):
    # Both streams: what babeltrace2 has to say of losses it says on stderr.
    result = subprocess.run(
        ["babeltrace2", "--clock-seconds", "--no-delta", directory],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return result.stdout.decode(), result.stderr.decode()


def check_files(directory, described):
    names = sorted(os.listdir(directory))
    expect(len(names) == len(described), f"traces {names} of {described}")
    for name in names:
        files = sorted(os.listdir(os.path.join(directory, name)))
        expect("metadata" in files, f"{name} has no metadata")
        expect(all(re.match(r"metadata$|cpu\d+$", f) for f in files),
               f"files of {name}: {files}")


def read(text):
    """By machine and CPU: (time, name, pid, fields) of each event."""
    found = collections.defaultdict(list)
    for line in text.splitlines():
        match = LINE.match(line)
        expect(match, f"babeltrace2 printed: {line!r}")
        expect(not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", line),
               f"a control character in {line!r}")
        found[match[3], int(match[5])].append((
            int(match[1]) * 10**9 + int(match[2]), match[4], int(match[6]),
            match[9]))
    return found


def compare_switch(event, fields):
    ours = SWITCH.search(fields)
    theirs = re.match(r".*:(\d+) \[-?\d+\] \S+ ==> .*:(\d+) \[(-?\d+)\]$",
                      event.text)
    expect(ours and theirs and ours.groups() == theirs.groups(),
           f"{fields} is not {event.text}")


def compare(found, events):
    expected = collections.defaultdict(list)
    for event in events:
        expected[event.machine, event.cpu].append(event)
    expect(set(found) == set(expected), f"{set(found)}, not {set(expected)}")
    for key, wanted in expected.items():
        expect(len(found[key]) == len(wanted),
               f"{key}: {len(found[key])} events, {len(wanted)} in the text")
        for (time, name, pid, fields), event in zip(found[key], wanted):
            expect((time, name, pid) == (event.time_ns, event.name, event.pid),
                   f"{key}: {(time, name, pid)} is not {event}")
            if name == "sched_switch":
                compare_switch(event, fields)


def check_order(text):
    times = [m[1] for m in re.finditer(r"^\[([\d.]+)\]", text, re.M)]
    expect(times == sorted(times, key=float), "the merged order goes back")


def main():
    program, _, *inputs = sys.argv[1:]
    described = textreport.machines(program, inputs)
    with tempfile.TemporaryDirectory() as scratch:
        directory = os.path.join(scratch, "trace")
        textreport.run(program, ["report", "--format", "ctf", "--output",
                                 directory, *inputs])
        check_files(directory, described)
        text, complaints = convert(directory)
    events, losses = textreport.read(program, inputs, described)
    expect(events, "the text report has no events")
    compare(read(text), events)
    check_order(text)
    discarded = [int(n) for n in DISCARDED.findall(complaints)]
    # An unknown number can only be told as one.
    expect(sorted(discarded) == sorted(abs(loss.count) for loss in losses),
           f"losses {discarded}, in the text {losses}")
    left = [line for line in complaints.splitlines()
            if not DISCARDED.search(line)]
    expect(not left, f"babeltrace2 complains: {left}")
    print(f"babeltrace2 reads {len(events)} events and {len(losses)} losses, "
          "as in the text")


main()
