#!/usr/bin/python3
# The perfetto format keeps every rule that Perfetto's trace_processor (56 to
# 58) was seen to need, and shows what the text report says.
#
# Usage: check-perfetto.py PROGRAM PROTO [REPORT'S INPUT ARGUMENTS]...
#
# The bytes are taken apart by the wire format alone, with Perfetto's own field
# numbers written down here once more, so that an error in perfetto.proto does
# not hide itself.
#
# SPDX-License-Identifier: GPL-2.0-or-later
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

import textreport

VARINT, LENGTH = 0, 2

# Message: {field number: (name, type)}; a type is u (unsigned), i (signed),
# s (text), P (packed unsigned), Q (packed signed) or the name of a message.
SCHEMA = {
    "Trace": {1: ("packet", "TracePacket")},
    "TracePacket": {
        1: ("ftrace_events", "Bundle"), 2: ("process_tree", "ProcessTree"),
        6: ("clock_snapshot", "ClockSnapshot"), 8: ("timestamp", "u"),
        10: ("trusted_packet_sequence_id", "u"),
        11: ("track_event", "TrackEvent"), 13: ("sequence_flags", "u"),
        45: ("system_info", "SystemInfo"),
        60: ("track_descriptor", "TrackDescriptor"), 98: ("machine_id", "u")},
    "ClockSnapshot": {1: ("clocks", "Clock"), 2: ("primary_trace_clock", "u")},
    "Clock": {1: ("clock_id", "u"), 2: ("timestamp", "u")},
    "SystemInfo": {1: ("utsname", "Utsname"), 8: ("num_cpus", "u"),
                   17: ("machine_name", "s")},
    "Utsname": {1: ("sysname", "s"), 2: ("version", "s"), 3: ("release", "s"),
                4: ("machine", "s")},
    "ProcessTree": {1: ("processes", "Process"), 2: ("threads", "Thread")},
    "Process": {1: ("pid", "i"), 2: ("ppid", "i"), 3: ("cmdline", "s")},
    "Thread": {1: ("tid", "i"), 2: ("name", "s"), 3: ("tgid", "i")},
    "Bundle": {
        1: ("cpu", "u"), 2: ("event", "FtraceEvent"), 3: ("lost_events", "u"),
        4: ("compact_sched", "CompactSched"),
        11: ("generic_event_descriptors", "GenericDescriptor")},
    "GenericDescriptor": {1: ("field_id", "u"),
                          2: ("event_descriptor", "Descriptor"),
                          3: ("group_name", "s")},
    "Descriptor": {1: ("name", "s"), 2: ("field", "FieldDescriptor")},
    "FieldDescriptor": {1: ("name", "s"), 3: ("number", "u"),
                        4: ("label", "u"), 5: ("type", "u")},
    "CompactSched": {
        1: ("switch_timestamp", "P"), 2: ("switch_prev_state", "Q"),
        3: ("switch_next_pid", "Q"), 4: ("switch_next_prio", "Q"),
        5: ("intern_table", "s"), 6: ("switch_next_comm_index", "P"),
        7: ("waking_timestamp", "P"), 8: ("waking_pid", "Q"),
        9: ("waking_target_cpu", "Q"), 10: ("waking_prio", "Q"),
        11: ("waking_comm_index", "P"), 12: ("waking_common_flags", "P")},
    "FtraceEvent": {
        1: ("timestamp", "u"), 2: ("pid", "u"),
        4: ("sched_switch", "SchedSwitch"), 5: ("common_flags", "u"),
        17: ("sched_wakeup", "SchedWaking"), 20: ("sched_waking", "SchedWaking"),
        24: ("softirq_entry", "Softirq"), 25: ("softirq_exit", "Softirq"),
        26: ("softirq_raise", "Softirq"),
        36: ("irq_handler_entry", "IrqEntry"),
        37: ("irq_handler_exit", "IrqExit"),
        114: ("sched_wakeup_new", "SchedWaking"),
        236: ("task_rename", "TaskRename"), 237: ("sched_process_exec", "Exec"),
        238: ("sched_process_exit", "Exit"), 239: ("sched_process_fork", "Fork"),
        240: ("sched_process_free", "Free")},
    "SchedSwitch": {1: ("prev_comm", "s"), 2: ("prev_pid", "i"),
                    3: ("prev_prio", "i"), 4: ("prev_state", "i"),
                    5: ("next_comm", "s"), 6: ("next_pid", "i"),
                    7: ("next_prio", "i")},
    "SchedWaking": {1: ("comm", "s"), 2: ("pid", "i"), 3: ("prio", "i"),
                    4: ("success", "i"), 5: ("target_cpu", "i")},
    "Softirq": {1: ("vec", "u")},
    "IrqEntry": {1: ("irq", "i"), 2: ("name", "s")},
    "IrqExit": {1: ("irq", "i"), 2: ("ret", "i")},
    "TaskRename": {1: ("pid", "i"), 2: ("oldcomm", "s"), 3: ("newcomm", "s"),
                   4: ("oom_score_adj", "i")},
    "Exec": {1: ("filename", "s"), 2: ("pid", "i"), 3: ("old_pid", "i")},
    "Exit": {1: ("comm", "s"), 2: ("pid", "i"), 3: ("tgid", "i"),
             4: ("prio", "i")},
    "Fork": {1: ("parent_comm", "s"), 2: ("parent_pid", "i"),
             3: ("child_comm", "s"), 4: ("child_pid", "i")},
    "Free": {1: ("comm", "s"), 2: ("pid", "i"), 3: ("prio", "i")},
    "TrackDescriptor": {1: ("uuid", "u"), 2: ("name", "s"),
                        4: ("thread", "ThreadDescriptor"),
                        5: ("parent_uuid", "u")},
    "ThreadDescriptor": {1: ("pid", "i"), 2: ("tid", "i"),
                         5: ("thread_name", "s")},
    "TrackEvent": {9: ("type", "u"), 11: ("track_uuid", "u"),
                   23: ("name", "s")},
}

FIRST_GENERIC_ID = 65537
BOOTTIME, REALTIME = 6, 1
SLICE_BEGIN, SLICE_END = 1, 2
TYPE_INT64, TYPE_UINT64, TYPE_STRING = 3, 4, 9


class Failure(Exception):
    pass


def expect(condition, text):
    if not condition:
        raise Failure(text)


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def wire(data):
    """(number, wire type, value) of each field, in the order of the bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == VARINT:
            value, at = varint(data, at)
        else:
            expect(key & 7 == LENGTH, f"a field has wire type {key & 7}")
            size, at = varint(data, at)
            value = data[at:at + size]
            expect(len(value) == size, "a field goes beyond its message")
            at += size
        yield key >> 3, key & 7, value


def packed(data):
    at, values = 0, []
    while at < len(data):
        value, at = varint(data, at)
        values.append(value)
    return values


def convert(kind, wire_type, value):
    expect((wire_type == VARINT) == (kind in "ui"), f"wire type of {kind}")
    if kind == "u":
        return value
    if kind == "i":
        return signed(value)
    if kind == "s":
        text = value.decode()  # valid UTF-8
        expect(not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", text),
               f"a control character in {text!r}")
        return text
    if kind == "P":
        return packed(value)
    if kind == "Q":
        return [signed(v) for v in packed(value)]
    return parse(kind, value)


def parse(kind, data):
    """A message as {name: [values]}; unknown fields only where allowed."""
    message = collections.defaultdict(list)
    for number, wire_type, value in wire(data):
        if kind == "FtraceEvent":
            message["order"].append(number)
        if kind == "FtraceEvent" and number >= FIRST_GENERIC_ID:
            message["generic"].append((number, value))
            continue
        expect(number in SCHEMA[kind], f"{kind} must not have field {number}")
        name, field_kind = SCHEMA[kind][number]
        message[name].append(convert(field_kind, wire_type, value))
    return message


def one(message, name, default=None):
    values = message.get(name, [])
    expect(len(values) <= 1, f"{name} is there {len(values)} times")
    expect(values or default is not None, f"{name} is missing")
    return values[0] if values else default


def machine_of(packet):
    if "machine_id" not in packet:
        return 0
    machine = one(packet, "machine_id")
    expect(0 < machine < 1 << 32, f"machine_id {machine}")
    return machine


def check_sequence(packets):
    """The packets before the first bundle, in their order."""
    kinds = []
    for packet in packets:
        for kind in ("clock_snapshot", "system_info", "process_tree",
                     "track_descriptor", "track_event", "ftrace_events"):
            if kind in packet:
                kinds.append(kind)
    expect(len(kinds) == len(packets), "each packet holds one thing")
    shape = re.sub(r"(\w+ )\1+", r"\1", "".join(k + " " for k in kinds))
    head = "clock_snapshot system_info process_tree "
    expect(shape.startswith(head), f"order of packets: {shape[:200]}")
    rest = shape[len(head):]
    expect("clock_snapshot" not in rest and "system_info" not in rest and
           "process_tree" not in rest, "headers after the first data")
    expect("machine_id" not in packets[0], "the first packet is a guest's")
    for packet in packets:
        expect("trusted_packet_sequence_id" in packet, "no sequence id")


def check_clock(packet):
    snapshot = one(packet, "clock_snapshot")
    clocks = {one(c, "clock_id"): one(c, "timestamp")
              for c in snapshot["clocks"]}
    expect(one(snapshot, "primary_trace_clock") == BOOTTIME, "primary clock")
    expect(set(clocks) in ({BOOTTIME}, {BOOTTIME, REALTIME}), f"{clocks}")
    expect(clocks[BOOTTIME] == one(packet, "timestamp"), "snapshot's time")
    if REALTIME in clocks:
        expect(clocks[REALTIME] > 10**18, "the wall clock is before 2001")


def check_wall_clock(packet, inputs):
    """Of a session that knows it, at the snapshot's time."""
    path = os.path.join(inputs[0], "session.json")
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as file:
        tsc = json.load(file)["tsc"]
    clocks = {one(c, "clock_id"): one(c, "timestamp")
              for c in one(packet, "clock_snapshot")["clocks"]}
    wanted = None
    if "wall-ns" in tsc:
        wanted = clocks[BOOTTIME] + tsc["wall-ns"] - (
            tsc["wall-ticks"] * tsc["mult"] >> tsc["shift"])
    expect(clocks.get(REALTIME) == wanted,
           f"real time {clocks.get(REALTIME)}, by the session {wanted}")


def check_machines(packets, names):
    """{machine_id: name}; each has its system_info and its process_tree."""
    found, trees = {}, set()
    for packet in packets:
        machine = machine_of(packet)
        if "system_info" in packet:
            info = one(packet, "system_info")
            utsname = one(info, "utsname")
            expect(one(utsname, "sysname") == "Linux", "sysname")
            expect(re.match(r"\d+\.\d+", one(utsname, "release")), "release")
            expect(one(info, "num_cpus") > 0, "num_cpus")
            expect(machine not in found, "two system_info of a machine")
            found[machine] = one(info, "machine_name")
        if "process_tree" in packet:
            expect("timestamp" in packet, "a process_tree without time")
            for process in one(packet, "process_tree")["processes"]:
                expect(one(process, "cmdline"), "a process without cmdline")
            trees.add(machine)
    expect(sorted(found.values()) == sorted(names),
           f"machines {found}, expected {names}")
    expect(trees == set(found), "each machine has a process_tree")
    expect(0 in found, "the host has no machine_id")
    return found


def check_generic(events, descriptors, machine):
    """Names of generic events; each was described before, and once."""
    for event in events:
        order = event["order"]
        expect(order[:2] == [1, 2], f"timestamp and pid come first: {order}")
        bodies = [n for n in order if n not in (1, 2, 5)]
        expect(len(bodies) == 1, f"an event has {len(bodies)} bodies")
        for number, payload in event["generic"]:
            expect((machine, number) in descriptors,
                   f"event {number} is not described")
            fields = descriptors[machine, number]["types"]
            for field, wire_type, _ in wire(payload):
                expect(field < 32, f"payload field {field}")
                is_text = fields[field] == TYPE_STRING
                expect((wire_type == LENGTH) == is_text, "a payload's type")


def add_descriptors(bundle, machine, descriptors):
    for entry in bundle["generic_event_descriptors"]:
        number = one(entry, "field_id")
        descriptor = one(entry, "event_descriptor")
        expect(number >= FIRST_GENERIC_ID, f"field_id {number}")
        expect((machine, number) not in descriptors,
               f"{number} is described twice")
        types = {one(f, "number"): one(f, "type") for f in descriptor["field"]}
        for field in descriptor["field"]:
            expect(0 < one(field, "number") < 32, "field number of a payload")
            expect(one(field, "label") == 1, "label of a payload's field")
            expect(one(field, "type") in (TYPE_INT64, TYPE_UINT64,
                                          TYPE_STRING), "a field's type")
        expect(one(entry, "group_name", ""), "a descriptor without a group")
        expect(len(types) == len(descriptor["field"]), "a number comes twice")
        descriptors[machine, number] = {
            "name": one(descriptor, "name"), "types": types}


class Cpu:
    """One CPU's scheduling, as trace_processor puts it together again."""

    def __init__(self):
        self.current = None
        self.switches = []
        self.wakings = []
        self.counts = collections.Counter()
        self.times = []
        self.losses = 0


def expand(bundle):
    """Compact events as if they had been written in full, with sort keys."""
    compact = one(bundle, "compact_sched", {})
    if not compact:
        return
    table = compact.get("intern_table", [])
    for kind, names in (
            ("switch", ("timestamp", "prev_state", "next_pid", "next_prio",
                        "next_comm_index")),
            ("waking", ("timestamp", "pid", "target_cpu", "prio",
                        "comm_index", "common_flags"))):
        columns = [one(compact, f"{kind}_{name}", []) for name in names]
        expect(len({len(c) for c in columns}) == 1,
               f"columns of {kind} differ in length")
        time = 0
        for row in zip(*columns):
            time += row[0]
            values = dict(zip(names[1:], row[1:]))
            comm = "next_comm_index" if kind == "switch" else "comm_index"
            expect(values[comm] < len(table), "comm outside the table")
            values[comm] = table[values[comm]]
            yield time, kind, values


def merge_bundle(cpu, bundle, names):
    """All events of a bundle in order of time; compact ones come first."""
    rows = [(time, 0, i, kind, values)
            for i, (time, kind, values) in enumerate(expand(bundle))]
    for i, event in enumerate(bundle["event"]):
        rows.append((one(event, "timestamp"), 1, i, "plain", event))
    rows.sort(key=lambda row: row[:3])
    if one(bundle, "lost_events", 0):
        cpu.losses += 1
        cpu.current = None
    for time, _, _, kind, values in rows:
        cpu.times.append(time)
        if kind != "plain":
            expect(cpu.current, "compact events before a switch in full: "
                                "trace_processor drops them")
        if kind == "switch":
            cpu.counts["sched_switch"] += 1
            cpu.switches.append((time, *cpu.current, values["prev_state"],
                                 values["next_comm_index"],
                                 values["next_pid"], values["next_prio"]))
            cpu.current = cpu.switches[-1][-3:]
        elif kind == "waking":
            cpu.counts["sched_waking"] += 1
            cpu.wakings.append((time, cpu.current[1], values["comm_index"],
                                values["pid"], values["prio"],
                                values["target_cpu"]))
        else:
            add_plain(cpu, time, values, names)


def add_plain(cpu, time, event, names):
    for number, _ in event["generic"]:
        cpu.counts[names[number]] += 1
    for _, (name, kind) in SCHEMA["FtraceEvent"].items():
        if kind in "ui" or name not in event:
            continue
        cpu.counts[name] += 1
        body = one(event, name)
        if name == "sched_switch":
            cpu.switches.append((
                time, one(body, "prev_comm"), one(body, "prev_pid"),
                one(body, "prev_prio"), one(body, "prev_state"),
                one(body, "next_comm"), one(body, "next_pid"),
                one(body, "next_prio")))
            cpu.current = cpu.switches[-1][-3:]
        elif name == "sched_waking":
            cpu.wakings.append((time, one(event, "pid"), one(body, "comm"),
                                one(body, "pid"), one(body, "prio"),
                                one(body, "target_cpu")))


def read_bundles(packets, machines):
    cpus = collections.defaultdict(Cpu)
    descriptors = {}
    seen_ids = {}
    for packet in packets:
        if "ftrace_events" not in packet:
            continue
        machine = machine_of(packet)
        expect(machine in machines, f"unknown machine {machine}")
        bundle = one(packet, "ftrace_events")
        add_descriptors(bundle, machine, descriptors)
        check_generic(bundle["event"], descriptors, machine)
        names = {n: d["name"] for (m, n), d in descriptors.items()
                 if m == machine}
        for number in names:
            expect(seen_ids.setdefault(number, machine) == machine,
                   f"field {number} is used by two machines")
        merge_bundle(cpus[machines[machine], one(bundle, "cpu")], bundle, names)
    for key, cpu in cpus.items():
        expect(cpu.times == sorted(cpu.times), f"times of {key} go back")
    return cpus


# plugin_sched_switch.c of libtraceevent
STATE_LETTERS = "SDTtZXxW"


def state_text(state):
    letters = [c for i, c in enumerate(STATE_LETTERS) if state >> i & 1]
    return "|".join(letters) or "R"


def same_text(shown, recorded):
    """The text report leaves what is no UTF-8 as it is."""
    clean = recorded.encode(errors="surrogateescape")
    out = ""
    for char in clean.decode(errors="surrogateescape"):
        code = ord(char)
        if 0xdc80 <= code <= 0xdcff:
            out += f"\\x{code - 0xdc00:02x}"
        elif 0x80 <= code < 0xa0:
            out += "".join(f"\\x{b:02x}" for b in char.encode())
        else:
            out += char
    return shown == out


def compare_switches(key, switches, events):
    expect(len(switches) == len(events),
           f"{key}: {len(switches)} switches, {len(events)} in the text")
    for switch, event in zip(switches, events):
        time, prev_comm, prev_pid, prev_prio, state, *following = switch
        match = re.match(r"(.*):(\d+) \[(-?\d+)\] (\S+) ==> (.*):(\d+) "
                         r"\[(-?\d+)\]$", event.text)
        expect(match, f"unexpected text: {event.text}")
        expect(time == event.time_ns and same_text(prev_comm, match[1]) and
               (prev_pid, prev_prio) == (int(match[2]), int(match[3])) and
               state_text(state) == match[4] and
               same_text(following[0], match[5]) and
               following[1:] == [int(match[6]), int(match[7])],
               f"{key}: {switch} is not {event}")


def compare_wakings(key, wakings, events):
    expect(len(wakings) == len(events),
           f"{key}: {len(wakings)} wakings, {len(events)} in the text")
    for waking, event in zip(wakings, events):
        match = re.match(r"comm=(.*) pid=(\d+) prio=(-?\d+) target_cpu=(\d+)$",
                         event.text)
        expect(match, f"unexpected text: {event.text}")
        expect(waking[:2] == (event.time_ns, event.pid) and
               same_text(waking[2], match[1]) and
               waking[3:] == tuple(int(match[i]) for i in (2, 3, 4)),
               f"{key}: {waking} is not {event}")


def compare_sched(cpus, events, losses):
    by_cpu = collections.defaultdict(list)
    for event in events:
        by_cpu[event.machine, event.cpu].append(event)
    expect(set(cpus) == set(by_cpu), f"CPUs {set(cpus)}, {set(by_cpu)}")
    for key, cpu in cpus.items():
        expected = collections.Counter(e.name for e in by_cpu[key])
        expect(cpu.counts == expected,
               f"{key}: {cpu.counts - expected} too many, "
               f"{expected - cpu.counts} too few")
        expect(cpu.times == [e.time_ns for e in by_cpu[key]],
               f"{key}: times differ")
        compare_switches(key, cpu.switches, [
            e for e in by_cpu[key] if e.name == "sched_switch"])
        compare_wakings(key, cpu.wakings, [
            e for e in by_cpu[key] if e.name == "sched_waking"])
        lost = sum(1 for loss in losses if (loss.machine, loss.cpu) == key)
        expect(cpu.losses == lost, f"{key}: {cpu.losses} losses, not {lost}")


# libtraceevent's plugin has names of its own for some of SVM's exits.
EXIT_NAMES = {"INTR": "INTERRUPT", "IOIO": "IO", "VMMCALL": "HYPERCALL"}


def exit_name(text):
    match = re.match(r"(?:vcpu \d+ )?reason (?:EXIT_)?(\S+)", text)
    expect(match, f"unexpected text: {text}")
    return EXIT_NAMES.get(match[1], match[1])


def user_exit_name(text):
    match = re.match(r"reason KVM_EXIT_(\S+)", text)
    expect(match, f"unexpected text: {text}")
    return match[1]


def slices_of_text(events, losses, tid, host):
    """Begins and ends of one vCPU's track, by the text report alone."""
    out, opened, last = [], [], None
    lost_at = collections.defaultdict(list)
    for loss in losses:
        if loss.machine == host:
            lost_at[loss.index].append(loss.cpu)

    def close(time, keep=0):
        while len(opened) > keep:
            out.append((time, None))
            opened.pop()

    for index, event in enumerate(events):
        for cpu in lost_at[index]:
            if last and last.cpu == cpu:
                close(last.time_ns)
        if event.machine != host:
            continue
        switch = event.name == "sched_switch" and re.match(
            r".*:(\d+) \[-?\d+\] (\S+) ==> .*:(\d+) \[-?\d+\]$", event.text)
        name = None
        if event.pid == tid and event.name == "kvm_entry":
            name = "guest"
        elif event.pid == tid and event.name == "kvm_exit":
            name = "exit " + exit_name(event.text)
        elif event.pid == tid and event.name == "kvm_userspace_exit":
            name = "QEMU " + user_exit_name(event.text)
        if name:
            close(event.time_ns)
            opened.append("base")
        elif switch and int(switch[1]) == tid:
            if "wait" in opened:
                close(event.time_ns, opened.index("wait"))
            name = "preempted" if switch[2] == "R" else "blocked"
            opened.append("wait")
        elif switch and int(switch[3]) == tid:
            if "wait" in opened:
                close(event.time_ns, opened.index("wait"))
        else:
            continue
        last = event
        if name:
            out.append((event.time_ns, name))
    return out


def compare_tracks(packets, events, losses, described, machines):
    threads, tracks = {}, {}
    slices = collections.defaultdict(list)
    for packet in packets:
        if "track_descriptor" in packet:
            machine = machines[one(packet, "machine_id", 0)]
            track = one(packet, "track_descriptor")
            if "thread" in track:
                threads[one(track, "uuid")] = (
                    machine, one(one(track, "thread"), "tid"))
            else:
                expect(one(track, "parent_uuid") in threads,
                       "a track is not below a thread's")
                tracks[one(track, "uuid")] = (
                    one(track, "name"), threads[one(track, "parent_uuid")])
        elif "track_event" in packet:
            event = one(packet, "track_event")
            kind = one(event, "type")
            expect(one(event, "track_uuid") in tracks, "an unknown track")
            expect(kind in (SLICE_BEGIN, SLICE_END), f"track event {kind}")
            expect(("name" in event) == (kind == SLICE_BEGIN), "a slice's name")
            slices[one(event, "track_uuid")].append(
                (one(packet, "timestamp"), one(event, "name", "") or None))
    expected = {}
    for name, machine in described.items():
        for vcpu in machine.get("vcpus", []) if "host" in machine else []:
            if vcpu["thread_id"]:
                expected.setdefault((machine["host"], vcpu["thread_id"]),
                                    f"{name} vCPU {vcpu['cpu']}")
    expect({t: re.sub(r"\\x..", "?", n) for n, t in tracks.values()} ==
           {t: re.sub(r"[\x00-\x1f]", "?", n) for t, n in expected.items()},
           f"tracks {tracks}, expected {expected}")
    for uuid, (name, (host, tid)) in tracks.items():
        wanted = slices_of_text(events, losses, tid, host)
        for got, want in zip(slices[uuid], wanted):
            expect(got == want, f"{name}: {got}, by the text {want}")
        expect(len(slices[uuid]) == len(wanted),
               f"{name}: {len(slices[uuid])} ends of slices, "
               f"{len(wanted)} by the text")
    return sum(len(s) for s in slices.values())


def check_by_protoc(path, proto, n_packets):
    """protoc, too, finds nothing that it can't decode."""
    with open(path, "rb") as trace:
        result = subprocess.run(
            ["protoc", "--decode=perfetto.Trace", "-I", os.path.dirname(proto),
             os.path.basename(proto)], stdin=trace, check=True,
            stdout=subprocess.PIPE)
    count = len(re.findall(rb"^packet \{$", result.stdout, re.M))
    expect(count == n_packets, f"protoc decodes {count} of {n_packets} packets")


def main():
    program, proto, *inputs = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "trace")
        textreport.run(program, ["report", "--format", "perfetto",
                                 "--output", path, *inputs])
        with open(path, "rb") as file:
            packets = parse("Trace", file.read())["packet"]
        check_by_protoc(path, proto, len(packets))
    described = textreport.machines(program, inputs)
    events, losses = textreport.read(program, inputs, described)
    expect(events, "the text report has no events")
    check_sequence(packets)
    check_clock(packets[0])
    check_wall_clock(packets[0], inputs)
    shown = {re.sub(r"[\x00-\x1f]", lambda c: f"\\x{ord(c[0]):02x}", n): n
             for n in described}
    machines = {number: shown.get(name, name) for number, name in
                check_machines(packets, shown).items()}
    compare_sched(read_bundles(packets, machines), events, losses)
    ends = compare_tracks(packets, events, losses, described, machines)
    print(f"{len(packets)} packets with {len(events)} events, {len(losses)} "
          f"losses and {ends} ends of vCPU slices are as in the text")


try:
    main()
except Failure as failure:
    sys.exit(f"check-perfetto: {failure}")
