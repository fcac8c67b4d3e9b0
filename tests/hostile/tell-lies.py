#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells the host tool every lie of a hostile guest, on files.

Each lie takes the place of the guest's stream in a session.  Then everything
is run that looks at what was recorded.  Whatever the stream says:
each program ends by itself, with at most one sentence of error; it says what
is expected of it; it takes no more memory, processor time and disk than it may;
nothing outside of the session is touched; and no control character or markup
of the guest's reaches what it prints.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys

MIB = 1 << 20
MAX_MEMORY_MIB = 1100      # the confined process's limit, and a little
MAX_CPU_S = 120
MAX_SESSION_BYTES = 1400 * MIB
OUTSIDE = pathlib.Path("/var/tmp/lie-was-here")
CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
MARKUP = b"<script>owned()"

# What is run on a session, and whether its output is text for a terminal.
VIEWS = {
    "recover": (["recover", "."], True),
    "report": (["report", "."], True),
    "json": (["report", "--format", "json", "."], True),
    "perfetto": (["report", "--format", "perfetto", "-o", "out.perfetto", "."],
                 True),
    "ctf": (["report", "--format", "ctf", "-o", "out.ctf", "."], True),
    "check": (["check", "."], True),
    "explain": (["explain", "."], True),
    "html": (["explain", "--format", "html", "-o", "out.html", "."], True),
}


# A session whose host had one CPU, and a guest with the same clock.
def describe_session():
    segment = {"from-host-ticks": 0, "to-host-ticks": 2 ** 64 - 1,
               "offset-ticks": 0, "ratio": 1, "frac-bits": 0,
               "error-ticks": 0, "provenance": "given"}
    vcpu = {"cpu-index": 0, "apic-id": 0, "thread-id": 7, "guest-cpu": 0,
            "qom-path": "/vcpu", "segments": [segment]}
    machine = {"trace-id": 17, "ended": False, "cpus": [], "notes": []}
    host = {"role": "host", "name": "host", "stream-file": "host.stream",
            "dat-file": "host.dat", "vcpus": []}
    guest = {"role": "guest", "name": "guest", "stream-file": "guest.stream",
             "dat-file": "guest.dat", "accelerator": "kvm", "vcpus": [vcpu]}
    return {"format": 1, "written-by": "tell-lies.py", "name": "guest",
            "created": "2026-01-01T00:00:00Z", "state": "recording",
            "tsc": {"mult": 1 << 30, "shift": 31, "khz": 2000000,
                    "source": "perf"},
            "machines": [host | machine, guest | machine]}


class Wrong(Exception):
    pass


def limit():
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_S, MAX_CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Teller:
    def __init__(self, args, work):
        self.args = args
        self.work = work
        # Deep enough for a path that climbs to be seen.
        self.place = work / "a" / "b" / "c"
        self.place.mkdir(parents=True)
        self.peak_mib = 0

    def put_lie(self, name):
        session = self.place / "session"
        shutil.rmtree(session, ignore_errors=True)
        session.mkdir()
        for machine, words in (("host", "truth"), ("guest", name)):
            with open(session / f"{machine}.stream", "wb") as stream:
                subprocess.run([self.args.liar, words], stdout=stream,
                               check=True)
        (session / "session.json").write_text(json.dumps(describe_session()))
        return session

    def outside(self, session):
        """Everything below the work directory that isn't the session's."""
        return sorted(str(path) for path in self.work.rglob("*")
                      if session not in path.parents)

    def run(self, session, view):
        words, _ = VIEWS[view]
        out, err = self.work / "out", self.work / "err"
        with open(out, "wb") as stdout, open(err, "wb") as stderr:
            child = subprocess.Popen([self.args.tool, *words], cwd=session,
                                     stdin=subprocess.DEVNULL, stdout=stdout,
                                     stderr=stderr, preexec_fn=limit)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        self.peak_mib = max(self.peak_mib, usage.ru_maxrss // 1024)
        self.look(view, child.returncode, usage, out.read_bytes(),
                  err.read_bytes())
        return err.read_text(errors="replace")

    def look(self, view, status, usage, out, err):
        # check's status is its verdict, and no error.
        is_verdict = view == "check" and status in (1, 2)
        if status not in (0, 1) and not is_verdict:
            raise Wrong(f"{view} ended with status {status}: "
                        f"{err[-500:].decode(errors='replace')}")
        sentences = re.findall(rb"^qemu-trace-merge [a-z]+: ", err, re.M)
        if len(sentences) > 1 or (status == 1 and not is_verdict and
                                  len(sentences) != 1):
            raise Wrong(f"{view} ended with status {status} and "
                        f"{len(sentences)} sentences: "
                        f"{err[-500:].decode(errors='replace')}")
        if usage.ru_maxrss > MAX_MEMORY_MIB * 1024:
            raise Wrong(f"{view} took {usage.ru_maxrss // 1024} MiB of memory")
        for name, text in (("output", out), ("messages", err)):
            found = CONTROL.search(text)
            if found:
                at = found.start()
                raise Wrong(f"{view} lets a control character into its {name}: "
                            f"{text[max(0, at - 40):at + 40]!r}")

    def look_at_files(self, session):
        size = sum(path.stat().st_size for path in session.rglob("*"))
        if size > MAX_SESSION_BYTES:
            raise Wrong(f"the session has {size // MIB} MiB")
        page = session / "out.html"
        if page.exists() and MARKUP in page.read_bytes():
            raise Wrong("the page has the guest's markup in it")
        if OUTSIDE.exists():
            raise Wrong(f"{OUTSIDE} was written")

    def tell(self, name, expected):
        session = self.put_lie(name)
        (self.work / "out").touch()
        (self.work / "err").touch()
        before = self.outside(session)
        said = ""
        for view in self.args.view:
            err = self.run(session, view)
            if view == "recover":
                said = err
                stored = session / "session.json"
                # What is kept about it counts, too.
                said += stored.read_text(errors="replace")
        if expected and not re.search(expected, said):
            raise Wrong(f"expected '{expected}', but recover said: {said[:700]}")
        self.look_at_files(session)
        after = self.outside(session)
        if after != before:
            raise Wrong(f"files outside of the session: "
                        f"{sorted(set(after) ^ set(before))}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", help="qemu-trace-merge")
    parser.add_argument("liar", help="lab-liar")
    parser.add_argument("work", type=pathlib.Path, help="an empty directory")
    parser.add_argument("--lie", action="append", help="only this one")
    parser.add_argument("--view", action="append", choices=VIEWS,
                        help="only this program (default: all)")
    args = parser.parse_args()
    args.tool, args.liar = map(os.path.abspath, (args.tool, args.liar))
    # Without it there is nothing to look at.
    args.view = ["recover"] + [view for view in args.view or VIEWS
                               if view != "recover"]
    return args


def main():
    args = parse()
    teller = Teller(args, args.work.resolve())
    lines = subprocess.run([args.liar], stdout=subprocess.PIPE, text=True,
                           check=True).stdout.splitlines()
    told, failed = 0, 0
    for line in lines:
        name, expected = line.split("\t")
        if args.lie and name not in args.lie:
            continue
        told += 1
        try:
            teller.tell(name, expected)
        except Wrong as wrong:
            failed += 1
            print(f"FAILED: {name}: {wrong}", file=sys.stderr, flush=True)
    print(f"{told} lies told, {failed} not taken well; at most "
          f"{teller.peak_mib} MiB of memory")
    sys.exit(1 if failed or not told else 0)


main()
