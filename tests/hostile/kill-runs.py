#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Kills one process of a recording at a random moment, again and again.

Each run records a guest that is none (fake-guest) and kills whichever process
it finds after a random time: the tool, its recorder of the host, its guardian,
the process that parses, the guest's QEMU or the guest's recorder.  Meanwhile
numbered markers are written to both machines' traces.  After each run:

- whoever was not killed has ended by itself, with one sentence if it failed;
- no process and no tracefs instance of the host tool's is left;
- if a stream was stored, the session can be recovered and reported;
- the markers in it have no gap: what was received before the kill is there.
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import hosttool
from hosttool import GUESTS, INSTANCES, OURS, Wrong

MARK = "KILL_RUN"
# Without these a recording goes on as if nothing had been.
UNIMPORTANT = ("nobody", "the guardian")


def read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def children(pid):
    """All descendants, by /proc; the newest last."""
    found = []
    for task in read(f"/proc/{pid}/task/{pid}/children").split():
        found.append(int(task))
        found += children(int(task))
    return found


def what_is(pid, main, guest):
    """A name for statistics."""
    if pid == main:
        return "the tool"
    if pid == guest:
        return "QEMU"
    comm = read(f"/proc/{pid}/comm").decode().strip()
    if comm == "trace-guardian":
        return "the guardian"
    if comm == "fake-guest":
        return "the guest's recorder"
    if (INSTANCES / f"{OURS}{pid}").exists():
        return "the host's recorder"
    return "another child of the tool"


class Markers(threading.Thread):
    """Writes numbered markers to the instances of a run's processes."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.run_ = run
        self.is_over = threading.Event()
        self.files = {}
        self.written = collections.Counter()

    def look(self):
        """An open file would keep the instance of one that is gone."""
        pids = self.run_.processes()
        for path in list(self.files):
            if int(path.parent.name.rpartition("-")[2]) not in pids:
                self.files.pop(path).close()
        for pid in pids:
            for prefix in (OURS, GUESTS):
                path = INSTANCES / f"{prefix}{pid}" / "trace_marker"
                if path not in self.files and path.exists():
                    self.open(path)

    def open(self, path):
        """Of an instance that stays while its file is open.

        While one is removed, opening its file waits, and may then give the file
        of another that was made meanwhile at the same address [read:
        kernel/trace/trace.c trace_array_get, __remove_instance]."""
        try:
            file = open(path, "wb", buffering=0)
        except OSError:
            return
        if path.exists():
            self.files[path] = file
        else:
            file.close()

    def write(self):
        for path, file in list(self.files.items()):
            machine = "host" if path.parent.name.startswith(OURS) else "guest"
            text = f"marker {machine} {self.written[path]}"
            try:
                file.write(text.encode())
                self.written[path] += 1
            except OSError: # tracing is off: not on yet, or no longer
                if self.written[path]:
                    self.files.pop(path).close()

    def run(self):
        # All on one CPU: of a stream that is cut short, what is missing is
        # the end of each CPU's events.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        while not self.is_over.is_set():
            self.look()
            for _ in range(5):
                self.write()
                time.sleep(0.002)

    def count(self, machine):
        """How many were written to the host's, or the guest's, trace."""
        prefix = OURS if machine == "host" else GUESTS
        return sum(n for path, n in self.written.items()
                   if path.parent.name.startswith(prefix))

    def end(self):
        self.is_over.set()
        self.join()
        for file in self.files.values():
            file.close()


class Run:
    def __init__(self, args, number):
        self.args = args
        self.number = number
        self.random = random.Random(f"{args.seed}-{number}")
        self.dir = args.work / f"run-{number}"
        self.guest = self.main = None
        self.victim = "nobody"

    def env(self):
        return dict(os.environ) | {MARK: self.name()}

    def name(self):
        return f"{os.getpid()}-{self.number}"

    def processes(self):
        pids = []
        for process in (self.main, self.guest):
            if process:
                pids += [process.pid, *children(process.pid)]
        return pids

    def start(self):
        self.guest = hosttool.start_fake_guest(self.args.fake_guest, self.dir,
                                               env=self.env())
        with open(self.dir / "err", "wb") as err:
            self.main = subprocess.Popen(
                [self.args.tool, *hosttool.record_words(0.4)],
                cwd=self.dir, env=self.env(), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=err)

    def kill_somebody(self, within_s):
        time.sleep(self.random.uniform(0, within_s))
        pids = [pid for pid in self.processes()
                if self.main.poll() is None or pid != self.main.pid]
        if not pids or self.main.poll() is not None:
            return
        pid = self.random.choice(pids)
        self.victim = what_is(pid, self.main.pid, self.guest.pid)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            self.victim = "nobody"

    def await_end(self):
        try:
            status = self.main.wait(hosttool.LIMIT_S)
        except subprocess.TimeoutExpired:
            self.main.kill()
            self.main.wait()
            raise Wrong("the tool does not end") from None
        said = (self.dir / "err").read_text(errors="replace")
        if self.victim != "the tool":
            hosttool.look_at_end(status, said)

    def left(self):
        """Processes and instances that should be gone."""
        mark = f"{MARK}={self.name()}".encode()
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            if mark in read(path / "environ").split(b"\0"):
                found.append(read(path / "comm").decode().strip())
        for path in INSTANCES.glob(f"{OURS}*"):
            pid = int(path.name.removeprefix(OURS))
            if pid in self.seen:
                found.append(path.name)
        return found

    def await_clean(self):
        end = time.monotonic() + 60
        while self.left():
            if time.monotonic() > end:
                raise Wrong(f"left behind: {self.left()}")
            time.sleep(0.05)
        # What a killed recorder of the guest leaves is the guest's affair.
        for path in INSTANCES.glob(f"{GUESTS}*"):
            if int(path.name.removeprefix(GUESTS)) in self.seen:
                path.rmdir()

    def look_at_markers(self, description, report, markers):
        """No number is left out; none at all where nothing was killed."""
        dropped = "EVENTS DROPPED" in report
        for machine in ("host", "guest"):
            numbers = sorted(int(n) for n in
                             re.findall(rf"marker {machine} (\d+)$", report,
                                        re.M))
            if dropped or not numbers:
                continue
            # Before the recording began its instance was emptied once more.
            if numbers != list(range(numbers[0], numbers[-1] + 1)):
                raise Wrong(f"some markers of the {machine} between "
                            f"{numbers[0]} and {numbers[-1]} are lost and not "
                            "counted")
            missing = markers.count(machine) - (numbers[-1] + 1)
            lost = hosttool.lost_events(description, machine)
            if self.victim in UNIMPORTANT and missing != lost:
                raise Wrong(f"the last marker of the {machine} is "
                            f"{numbers[-1]}, {missing} are missing, but "
                            f"{lost} are counted")

    def do(self, within_s):
        """The victim and the number of readable sessions."""
        self.seen = set()
        self.dir.mkdir(parents=True)
        self.start()
        markers = Markers(self)
        markers.start()
        watcher = threading.Thread(target=self.watch, daemon=True)
        watcher.start()
        try:
            self.kill_somebody(within_s)
            self.await_end()
        finally:
            markers.end()
            if self.main.poll() is None:
                self.main.kill()
                self.main.wait()
            hosttool.stop_fake_guest(self.guest)
            watcher.join()
            self.await_clean()
        found = hosttool.look_at_sessions(self.args.tool, self.dir)
        for description, report in found:
            self.look_at_markers(description, report, markers)
        shutil.rmtree(self.dir)
        return self.victim, len(found)

    def watch(self):
        """Which pids were this run's."""
        while self.main.poll() is None or self.guest.poll() is None:
            self.seen.update(self.processes())
            time.sleep(0.02)


def measure(args):
    """How long a run takes that nobody disturbs."""
    run = Run(args, 0)
    begin = time.monotonic()
    run.kill_somebody = lambda within_s: None
    _, readable = run.do(0)
    if readable != 1:
        raise Wrong("a run that nobody disturbs can't be read")
    return time.monotonic() - begin


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", help="qemu-trace-merge")
    parser.add_argument("fake_guest", help="fake-guest")
    parser.add_argument("work", type=pathlib.Path, help="an empty directory")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    args.tool, args.fake_guest = map(os.path.abspath,
                                     (args.tool, args.fake_guest))
    args.work = args.work.resolve()
    return args


def main():
    args = parse()
    within_s = measure(args)
    victims, readable, failed = collections.Counter(), 0, 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        runs = {pool.submit(Run(args, n).do, within_s): n
                for n in range(1, args.runs + 1)}
        for done in concurrent.futures.as_completed(runs):
            try:
                victim, n = done.result()
                victims[victim] += 1
                readable += n
            except (Wrong, OSError, subprocess.SubprocessError) as wrong:
                failed += 1
                print(f"FAILED: run {runs[done]} of seed {args.seed}: {wrong}",
                      file=sys.stderr, flush=True)
    print(f"{args.runs} runs, {failed} not taken well; {readable} sessions "
          f"were readable; killed: " +
          ", ".join(f"{who} {n}" for who, n in victims.most_common()))
    sys.exit(1 if failed else 0)


main()
