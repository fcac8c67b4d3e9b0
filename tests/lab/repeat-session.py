#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Repeats a recorded session's pages, hours apart.

What comes out is a session as a recording of days would have left it, still
to be recovered.  Between the repetitions, each CPU's next page says that
events were lost before it, so that nobody thinks of a window that lasts for
hours.
"""
import argparse
import json
import pathlib
import struct

HEADER = struct.Struct("<IHHIIQ")
PAGE_HEAD = struct.Struct("<QI")  # time stamp, low half of the commit word
PAGE, LOSS, END = 3, 4, 5
EVENTS_MISSED = 1 << 31
COMMIT_SIZE = (1 << 27) - 1
DATA = 16  # where events begin in a page of a 64-bit kernel
PADDING, TIME_EXTEND, TIME_STAMP = 29, 30, 31
STAMP_MASK = (1 << 59) - 1
CPU_STATS = struct.Struct("<I4xQQQQQQ")


def frames(stream):
    """The type, CPU and payload of each."""
    data = memoryview(stream.read_bytes())
    at = 0
    while at < len(data):
        _, kind, _, cpu, length, _ = HEADER.unpack_from(data, at)
        payload = data[at + HEADER.size:at + HEADER.size + length]
        yield kind, cpu, payload
        at += HEADER.size + (length + 7) // 8 * 8


class Writer:
    def __init__(self, path, magic):
        self.file = open(path, "wb")
        self.magic = magic
        self.sequence = 0

    def put(self, kind, cpu, payload):
        self.file.write(HEADER.pack(self.magic, kind, 0, cpu, len(payload),
                                    self.sequence))
        self.file.write(payload)
        self.file.write(bytes(-len(payload) % 8))
        self.sequence += 1


def stamps(page):
    """Where a page holds absolute times: struct ring_buffer_event, type 31."""
    commit = PAGE_HEAD.unpack_from(page)[1] & COMMIT_SIZE
    at, end = DATA, min(DATA + commit, len(page))
    while at + 8 <= end:
        word, length = struct.unpack_from("<II", page, at)
        kind = word & 31
        if kind == TIME_STAMP:
            yield at
        at += 4
        if kind == PADDING or kind == 0:
            at += length
        else:
            at += 4 if kind >= TIME_EXTEND else 4 * kind


def moved(page, ticks, is_first):
    stamp, commit = PAGE_HEAD.unpack_from(page)
    if is_first:
        commit |= EVENTS_MISSED
    page = bytearray(page)
    PAGE_HEAD.pack_into(page, 0, stamp + ticks, commit)
    for at in stamps(page):
        word, high = struct.unpack_from("<II", page, at)
        value = (high << 27 | word >> 5) + ticks & STAMP_MASK
        struct.pack_into("<II", page, at, (value << 5 & 0xffffffff) | TIME_STAMP,
                         value >> 27)
    return page


def totals(payload, times):
    """Those of END, each count as often as it was repeated."""
    size = len(payload) // (len(payload) // CPU_STATS.size)
    out = b""
    for at in range(0, len(payload), size):
        cpu, *counts = CPU_STATS.unpack_from(payload, at)
        out += CPU_STATS.pack(cpu, *(count * times for count in counts))
    return out


def repeat(source, target, times, ticks):
    found = list(frames(source))
    magic = struct.unpack_from("<I", source.read_bytes())[0]
    writer = Writer(target, magic)
    for kind, cpu, payload in found:
        if kind not in (PAGE, LOSS, END):
            writer.put(kind, cpu, payload)
    for time in range(times):
        seen = set() if time else None
        for kind, cpu, payload in found:
            if kind == PAGE:
                is_first = seen is not None and cpu not in seen
                if seen is not None:
                    seen.add(cpu)
                writer.put(kind, cpu, moved(payload, time * ticks, is_first))
    for kind, cpu, payload in found:
        if kind == END:
            writer.put(kind, cpu, totals(payload, times))
    writer.file.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("session", type=pathlib.Path)
    parser.add_argument("target", type=pathlib.Path, help="a new directory")
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--hours", type=float, default=3,
                        help="from one repetition to the next")
    args = parser.parse_args()
    description = json.loads((args.session / "session.json").read_text())
    ticks = int(args.hours * 3600 * description["tsc"]["khz"] * 1000)
    args.target.mkdir()
    for machine in description["machines"]:
        repeat(args.session / machine["stream-file"],
               args.target / machine["stream-file"], args.times, ticks)
    description["state"] = "recording"
    (args.target / "session.json").write_text(json.dumps(description))


main()
