#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An agent, or a QEMU, that lies in one of its replies.

A first run counts the replies; then each of them is wrong in each way.  The
host tool ends by itself, with one sentence if it fails, with nothing of the
lie on the terminal and with tracing as it was; what was recorded is readable.
"""
import argparse
import concurrent.futures
import os
import pathlib
import shutil
import sys

import hosttool
from hosttool import Wrong

LIES = ["null", "number", "string", "array", "empty", "deep", "long", "twice",
        "escape", "negative", "huge", "names", "flipped", "missing", "many",
        "close"]


class Teller:
    def __init__(self, args):
        self.args = args
        self.work = args.work.resolve()

    def once(self, behaviour):
        place = self.work / behaviour.replace(":", "-")
        place.mkdir()
        guest = hosttool.start_fake_guest(self.args.fake_guest, place,
                                          behaviour)
        try:
            status, _, said = hosttool.run_tool(
                self.args.tool, hosttool.record_words(0.1), place)
            hosttool.look_at_end(status, said)
        finally:
            hosttool.stop_fake_guest(guest)
        hosttool.look_at_sessions(self.args.tool, place)
        return place

    def count(self, peer):
        """The replies of a guest that doesn't lie: a line of each."""
        place = self.once(f"log-{peer}")
        return len((place / "guest" / "replies").read_text().splitlines())

    def fails(self, behaviour):
        """How it was not taken well, or None."""
        try:
            shutil.rmtree(self.once(behaviour))
        except Wrong as wrong:
            return f"{behaviour}: {wrong}"
        return None

    def together(self, behaviours):
        """The failures of lies that are told at the same time."""
        with concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            failures = [why for why in pool.map(self.fails, behaviours) if why]
        try:
            hosttool.await_restored()
        except Wrong as wrong:
            failures.append(f"one of {', '.join(behaviours)}: {wrong}")
        return failures


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", help="qemu-trace-merge")
    parser.add_argument("fake_guest", help="fake-guest")
    parser.add_argument("work", type=pathlib.Path, help="an empty directory")
    parser.add_argument("--peer", choices=["agent", "qmp"], action="append")
    parser.add_argument("--every", type=int, default=1,
                        help="tell only one of so many lies")
    parser.add_argument("--jobs", type=int, default=4,
                        help="lies told at the same time")
    args = parser.parse_args()
    args.tool, args.fake_guest = map(os.path.abspath,
                                     (args.tool, args.fake_guest))
    args.peer = args.peer or ["agent", "qmp"]
    return args


def main():
    args = parse()
    teller = Teller(args)
    lies = [f"{peer}-lie:{n}:{lie}" for peer in args.peer
            for n in range(teller.count(peer)) for lie in LIES]
    lies = lies[args.every - 1::args.every]
    failed = 0
    for at in range(0, len(lies), args.jobs):
        for why in teller.together(lies[at:at + args.jobs]):
            failed += 1
            print(f"FAILED: {why}", file=sys.stderr, flush=True)
    print(f"{len(lies)} lies told, {failed} not taken well")
    sys.exit(1 if failed or not lies else 0)


main()
