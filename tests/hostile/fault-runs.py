#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes each call on a recording's files fail, one at a time.

A first run counts the calls; then each of them, or some of many, fails in each
way that it can.  Whatever fails: the program ends by itself, with one sentence
if it fails and as if nothing had been if it does not; what was stored can be
recovered and reported once files can be written again; and tracing is as it
was.
"""
import argparse
import errno
import os
import pathlib
import re
import shutil
import struct
import sys

import hosttool
from hosttool import Wrong

SHORT = 0
# What can fail how; "forever" is a disk that stays full or broken.
FAULTS = [
    ("open", errno.EIO, ""), ("open", errno.ENOSPC, "forever"),
    ("mkdir", errno.ENOSPC, ""), ("rename", errno.EIO, ""),
    ("write", errno.EIO, ""), ("write", errno.ENOSPC, "forever"),
    ("write", errno.EINTR, ""), ("write", SHORT, ""),
    ("write", SHORT, "forever"),
    ("read", errno.EIO, ""), ("read", errno.EINTR, ""), ("read", SHORT, ""),
    ("sync", errno.EIO, ""), ("close", errno.EIO, ""),
]
# These are no failures: the result must be the same.
HARMLESS = (SHORT, errno.EINTR)


def describe(fault, nth):
    call, code, how = fault
    what = "short" if code == SHORT else errno.errorcode[code]
    return f"{call} {nth} {what} {how}".strip()


class Runner:
    def __init__(self, args):
        self.args = args
        self.work = args.work.resolve()
        self.count_file = self.work / "count"

    def run_with(self, words, fault, nth):
        """The exit status and what was said."""
        call, code, how = fault
        self.count_file.write_bytes(bytes(8))
        status, _, said = hosttool.run_tool(self.args.tool, words, self.work, {
            "LD_PRELOAD": self.args.fail_io,
            "FAIL_IO": f"{call},{nth},{code},{how}".rstrip(","),
            "FAIL_IO_UNDER": str(self.work),
            "FAIL_IO_COUNT": str(self.count_file)})
        hosttool.look_at_end(status, said)
        self.said = said
        if code in HARMLESS and status != 0:
            raise Wrong(f"it is no failure, but: {said[-600:]}")
        return status

    def __str__(self):
        return type(self).__name__.lower()

    def calls(self):
        return struct.unpack("<Q", self.count_file.read_bytes())[0]


class Recover(Runner):
    """Faults while a session's files are made."""

    def once(self, fault, nth):
        session = self.work / "guest-2"
        shutil.rmtree(session, ignore_errors=True)
        shutil.copytree(self.args.truth, session)
        self.run_with(["recover", session.name], fault, nth)
        for leftover in session.glob("*.tmp"):
            raise Wrong(f"{leftover.name} was left")
        hosttool.look_at_sessions(self.args.tool, self.work)


class Record(Runner):
    """Faults while a guest is recorded that is none."""

    def once(self, fault, nth):
        for old in self.work.glob("guest-2*"):
            shutil.rmtree(old)
        status = self.run_with(hosttool.record_words(0.1), fault, nth)
        hosttool.await_restored()
        if not hosttool.look_at_sessions(self.args.tool, self.work) and \
                status == 0:
            raise Wrong("there is no session")


class Write(Runner):
    """Faults while a recording is shown, in each format."""

    FORMATS = [
        ("report", "text", "out.txt"), ("report", "json", "out.json"),
        ("report", "perfetto", "out.perfetto"), ("report", "ctf", "out.ctf"),
        ("explain", "html", "out.html"), ("explain", "json", "why.json"),
    ]

    def __init__(self, args, row):
        super().__init__(args)
        command, kind, self.name = row
        self.words = [command, "--format", kind, "-o", self.name, "session"]
        self.whole = None
        self.said = ""
        if not (self.work / "session").exists():
            shutil.copytree(self.args.truth, self.work / "session")

    def __str__(self):
        return " ".join(self.words[:3])

    def content(self):
        """What bears the final name: a file, or all files of a directory."""
        path = self.work / self.name
        if path.is_dir():
            return {str(file.relative_to(path)): file.read_bytes()
                    for file in path.rglob("*") if file.is_file()}
        return path.read_bytes() if path.exists() else None

    def clear(self):
        for path in self.work.glob(f"*{self.name}*"):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def once(self, fault, nth):
        self.clear()
        status = self.run_with(self.words, fault, nth)
        found = self.content()
        # The first run of all counts, and nothing fails in it.
        self.whole = self.whole or found
        # What can't be read of a recording is left out, and named.
        if status == 0 and found != self.whole and \
                not re.search(r"^warning: .*session/", self.said, re.M):
            raise Wrong("it succeeds, but the output is not the same, and "
                        f"nothing is said: {self.said}")
        if status != 0 and found is not None:
            raise Wrong("it fails, but leaves an output")
        for left in self.work.glob(f".{self.name}*"):
            raise Wrong(f"{left.name} was left")


def choose(n, most):
    """Of 1 to n the first ones, and as many more at growing distances."""
    chosen, at = [], 1
    while at <= n and len(chosen) < 2 * most:
        chosen.append(at)
        at = at + 1 if len(chosen) < most else at * 2
    return chosen


def run_all(runner, args):
    runs = failed = 0
    calls = {}
    for fault in FAULTS:
        if fault[0] not in calls:
            runner.once(fault, 1 << 60)
            calls[fault[0]] = runner.calls()
        # A file system that always does half needs only one run.
        most = 1 if fault[1:] == (SHORT, "forever") else calls[fault[0]]
        for nth in choose(most, args.most):
            runs += 1
            try:
                runner.once(fault, nth)
            except Wrong as wrong:
                failed += 1
                print(f"FAILED: {describe(fault, nth)}: {wrong}",
                      file=sys.stderr, flush=True)
    print(f"{runner}: {runs} runs with a fault, {failed} not taken well; calls: "
          f"{calls}")
    return 1 if failed or not runs else 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", help="qemu-trace-merge")
    parser.add_argument("fail_io", help="fail-io.so")
    parser.add_argument("work", type=pathlib.Path, help="an empty directory")
    parser.add_argument("--truth", type=pathlib.Path,
                        help="a session to be recovered")
    parser.add_argument("--fake-guest", help="a guest to be recorded")
    parser.add_argument("--most", type=int, default=12,
                        help="of each kind of call, the first so many, and "
                             "as many more")
    args = parser.parse_args()
    if bool(args.truth) == bool(args.fake_guest):
        parser.error("either --truth or --fake-guest is needed")
    args.tool, args.fail_io = map(os.path.abspath, (args.tool, args.fail_io))
    if args.fake_guest:
        args.fake_guest = os.path.abspath(args.fake_guest)
    return args


def main():
    args = parse()
    if args.truth:
        args.truth = args.truth.resolve()
        sys.exit(max(run_all(runner, args) for runner in
                     [Recover(args)] + [Write(args, row)
                                        for row in Write.FORMATS]))
    guest = hosttool.start_fake_guest(args.fake_guest, args.work)
    try:
        failed = run_all(Record(args), args)
    finally:
        hosttool.stop_fake_guest(guest)
    sys.exit(1 if failed else 0)


main()
