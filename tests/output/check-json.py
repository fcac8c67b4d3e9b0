#!/usr/bin/python3
# The json format says what the text report says, in the same order.
#
# Usage: check-json.py PROGRAM - [REPORT'S INPUT ARGUMENTS]...
#
# SPDX-License-Identifier: GPL-2.0-or-later
import json
import re
import sys

import textreport

SWITCH = re.compile(
    r".*:(\d+) \[(-?\d+)\] \S+ ==> .*:(\d+) \[(-?\d+)\]$")


def expect(condition, text):
    if not condition:
        sys.exit(f"check-json: {text}")


def compare_event(ours, event):
    expect((ours["machine"], ours["cpu"], ours["time_ns"], ours["event"],
            ours["pid"]) == (event.machine, event.cpu, event.time_ns,
                             event.name, event.pid), f"{ours} is not {event}")
    if event.name == "sched_switch":
        fields, match = ours["fields"], SWITCH.match(event.text)
        expect(match and tuple(map(int, match.groups())) == tuple(
            fields[n] for n in ("prev_pid", "prev_prio", "next_pid",
                                "next_prio")), f"{fields} is not {event.text}")


def check_vcpus(lines, described):
    """Each event of a vCPU's thread, or of its guest, names that vCPU."""
    threads, cpus = {}, {}
    for name, machine in described.items():
        for vcpu in machine.get("vcpus", []) if "host" in machine else []:
            if vcpu["thread_id"]:
                thread = machine["host"], vcpu["thread_id"]
                # Of several recordings of one guest, the first names it.
                threads.setdefault(thread, (name, vcpu["cpu"]))
                cpus[name, vcpu["cpu"]] = threads[thread]
    n_marked = 0
    for line in lines:
        if line["type"] != "event":
            continue
        vcpu = line.get("vcpu")
        got = (vcpu["machine"], vcpu["cpu"]) if vcpu else None
        want = cpus.get((line["machine"], line["cpu"]),
                        threads.get((line["machine"], line["pid"])))
        expect(got == want, f"vCPU {got}, expected {want}: {line}")
        n_marked += got is not None
    return n_marked


def main():
    program, _, *inputs = sys.argv[1:]
    described = textreport.machines(program, inputs)
    text = textreport.run(program, ["report", "--format", "json", *inputs])
    expect(text.isascii() and not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text),
           "characters beyond printable ASCII")
    lines = [json.loads(line) for line in text.splitlines()]
    events, losses = textreport.read(program, inputs, described)
    expect(events, "the text report has no events")
    expect(lines[0] == {"type": "header", "format": 1,
                        "written_by": lines[0]["written_by"]}, lines[0])
    expect(lines[-1] == {"type": "end", "events": len(events),
                         "losses": len(losses)}, f"the end: {lines[-1]}")
    ours = [line for line in lines if line["type"] == "event"]
    expect(len(ours) == len(events), f"{len(ours)} events, {len(events)}")
    for one, other in zip(ours, events):
        compare_event(one, other)
    lost = [(line["machine"], line["cpu"], line["events"] or -1)
            for line in lines if line["type"] == "loss"]
    expect(lost == [(loss.machine, loss.cpu, loss.count) for loss in losses],
           f"losses {lost}, in the text {losses}")
    marked = check_vcpus(lines, described)
    print(f"{len(events)} events, {marked} of them of vCPUs, and "
          f"{len(losses)} losses are as in the text")


main()
