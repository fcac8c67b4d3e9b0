#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An agent, or a QEMU, that lies in one of its replies.

A first run counts the replies; then each of them is wrong in each way.  The
host tool ends by itself, with one sentence if it fails, with nothing of the
lie on the terminal and with tracing as it was; what was recorded is readable.
"""
import argparse
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
        for old in self.work.glob("guest*"):
            shutil.rmtree(old)
        guest = hosttool.start_fake_guest(self.args.fake_guest, self.work,
                                          behaviour)
        try:
            status, _, said = hosttool.run_tool(
                self.args.tool, hosttool.record_words(0.1), self.work)
            hosttool.look_at_end(status, said)
        finally:
            hosttool.stop_fake_guest(guest)
        hosttool.await_restored()
        hosttool.look_at_sessions(self.args.tool, self.work)

    def count(self, peer):
        """The replies of a guest that doesn't lie: a line of each."""
        self.once(f"log-{peer}")
        return len((self.work / "guest" / "replies").read_text().splitlines())


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", help="qemu-trace-merge")
    parser.add_argument("fake_guest", help="fake-guest")
    parser.add_argument("work", type=pathlib.Path, help="an empty directory")
    parser.add_argument("--peer", choices=["agent", "qmp"], action="append")
    parser.add_argument("--every", type=int, default=1,
                        help="tell only one of so many lies")
    args = parser.parse_args()
    args.tool, args.fake_guest = map(os.path.abspath,
                                     (args.tool, args.fake_guest))
    args.peer = args.peer or ["agent", "qmp"]
    return args


def main():
    args = parse()
    teller = Teller(args)
    told = failed = number = 0
    for peer in args.peer:
        for n in range(teller.count(peer)):
            for lie in LIES:
                number += 1
                if number % args.every:
                    continue
                told += 1
                try:
                    teller.once(f"{peer}-lie:{n}:{lie}")
                except Wrong as wrong:
                    failed += 1
                    print(f"FAILED: {peer}, reply {n}, {lie}: {wrong}",
                          file=sys.stderr, flush=True)
    print(f"{told} lies told, {failed} not taken well")
    sys.exit(1 if failed or not told else 0)


main()
